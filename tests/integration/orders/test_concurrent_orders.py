"""Orders of one customer that are placed at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from lambdas.orders.customer_limits import CustomerLimitError
from lambdas.orders.customer_orders import CustomerOrders
from lambdas.orders.domain import Order
from tests.support.order_requests import placed
from tests.support.spy import Spy
from tests.support.stored_orders import StoredOrders


def test_one_of_many_concurrent_adds_is_stored(shop: Callable[..., CustomerOrders]):
    attempts = [replace(placed(), request_id=str(i)) for i in range(16)]
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(shop().add, attempts))

    assert len({order.request_id for order in kept}) == 1


@pytest.mark.parametrize("earlier", [0, 1])
def test_concurrent_orders_do_not_exceed_the_limit_together(
    shop: Callable[..., CustomerOrders], orders: StoredOrders, dynamodb: Any, earlier: int
):
    """Both have seen room for one more; with an earlier order, their customer has a row."""
    for number in range(earlier):
        shop().add(placed(key=f"earlier {number}"))
    limit, faster = earlier + 1, list[Order]()

    def before(operation: str) -> None:
        if operation == "transact_write_items" and not faster:
            faster.append(shop(orders=limit).add(placed(key="faster")))

    slower = shop(orders=limit, client=Spy(dynamodb, before))
    with pytest.raises(CustomerLimitError, match=f"orders would be {limit + 1}"):
        slower.add(placed(key="slower"))

    assert orders.find(placed(key="faster").order_id) == faster[0]
    assert orders.find(placed(key="slower").order_id) is None
