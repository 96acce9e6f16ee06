"""A customer's row of open orders that somebody edited: orders are refused, with the reason."""

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.orders.customer_orders import CustomerOrders
from lambdas.runtime.dynamodb import to_attribute
from tests.support.order_requests import placed
from tests.support.stored_orders import StoredOrders

EDITED: dict[str, list[Any]] = {
    "orders": [None, "x", 1, ["x"], {"x"}, {"o1": "x"}, {"o1": {"units": 1}}],
    "still_open": [None, "x", -1, 10**37, {}],
    "day": [None, 1, []],
    "placed": [None, "x", -1, 10**37, True],
    "version": [None, "x", -1, 10**37, True, {"x"}],
}


@pytest.mark.parametrize(
    ("column", "value"), [(name, value) for name, values in EDITED.items() for value in values]
)
def test_order_of_a_customer_whose_row_cannot_be_read_is_refused(
    shop: Callable[..., CustomerOrders],
    orders: StoredOrders,
    dynamodb: Any,
    customers: str,
    column: str,
    value: Any,
):
    shop().add(placed())
    (row,) = dynamodb.scan(TableName=customers)["Items"]
    dynamodb.put_item(TableName=customers, Item=row | {column: to_attribute(value)})

    with pytest.raises(ContractError, match=column):
        shop().add(placed(key="2"))

    assert orders.find(placed(key="2").order_id) is None
