"""An order's row that somebody edited so that it can still be read."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.cancellation import cancel
from lambdas.orders.customer_orders import CustomerOrders
from lambdas.orders.holds import hold
from lambdas.orders.rows import row_of
from lambdas.runtime.dynamodb import to_item
from tests.support.order_requests import placed
from tests.support.stored_orders import StoredOrders

NOW = "2026-12-01T08:26:00.000Z"
HELD = hold(placed(), cause="c", reason="Disputed", explanation="it is disputed", now=NOW)
HOLD = {**to_item(row_of(HELD))["holds"]["L"][0]["M"], "by": {"NS": ["0.5"]}}


@pytest.mark.parametrize(
    "edited",
    [
        {"claim_owner": {"NULL": True}},
        {"completed_compensations": {"L": []}},
        {"holds": {"L": [{"M": HOLD}]}},
        {"expired_at": {"S": NOW}},
    ],
    ids=["null for nothing", "empty list", "more in a hold", "the column of tombstones"],
)
def test_order_in_a_row_that_was_edited_can_be_changed(
    orders: StoredOrders, dynamodb: Any, table: str, edited: dict[str, Any]
):
    order = replace(HELD if "holds" in edited else placed(), claim_owner=None)
    dynamodb.put_item(TableName=table, Item=to_item(row_of(order)) | edited)

    changed = orders.update(order.order_id, change=lambda order: cancel(order, now=NOW))

    assert changed
    assert changed.state == OrderState.CANCELLED
    assert orders.find(order.order_id) == changed


def test_customer_whose_row_has_a_version_of_zero_can_order(
    shop: Callable[..., CustomerOrders], dynamodb: Any, customers: str
):
    shop().add(placed())
    (row,) = dynamodb.scan(TableName=customers)["Items"]
    dynamodb.put_item(TableName=customers, Item=row | {"version": {"N": "0"}})

    assert shop().add(placed(key="2")).state == OrderState.PLACED
