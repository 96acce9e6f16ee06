"""A supplier or an inventory that fails leaves the order open, and lets others come first."""

import re
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from lambdas.contracts.codec import UnreadableRowError
from lambdas.purchasing import follow_up as module
from lambdas.purchasing.follow_up import FollowUpFailedError
from lambdas.purchasing.store import PurchaseOrders
from lambdas.purchasing.supplier import Confirmed, SupplierError
from tests.support.purchasing import NOW, Deliverer, Inventory, Rows, deliver, raise_purchase_orders
from tests.support.spy import Spy


def test_order_confirmed_for_the_past_lets_others_come_first(
    orders: PurchaseOrders, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MAX_ORDERS", 1)
    raise_purchase_orders(orders, "A", "B")
    supplier = Deliverer(Confirmed("2025-01-01T00:00:00.000Z"))

    assert deliver(orders, inventory, supplier=supplier) == 0
    assert deliver(orders, inventory, supplier=supplier) == 1
    assert inventory.units == {"B": 5}


def test_failing_supplier_leaves_the_order_open_and_others_are_delivered(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows
):
    raise_purchase_orders(orders, "A", "B")
    supplier = Deliverer(SupplierError("the supplier failed"))

    with pytest.raises(FollowUpFailedError, match="the supplier failed"):
        deliver(orders, inventory, supplier=supplier)
    assert [row["state"] for row in rows()] == ["OPEN", "DELIVERED"]
    assert deliver(orders, inventory) == 1


def test_refused_delivery_closes_the_order_with_the_reason_and_fails_the_run(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows
):
    raise_purchase_orders(orders, "A", "B")
    inventory.errors = {"A": "ContractError"}

    with pytest.raises(FollowUpFailedError, match="ContractError: no"):
        deliver(orders, inventory)

    assert [(row["state"], row["explanation"]) for row in rows()] == [
        ("REFUSED", "ContractError: no"),
        ("DELIVERED", ""),
    ]
    assert deliver(orders, inventory) == 0


@pytest.mark.parametrize("error", ["Sandbox.Timedout", UnreadableRowError.__name__])
def test_failed_delivery_stays_open_and_others_are_delivered(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows, error: str
):
    raise_purchase_orders(orders, "A", "B")
    inventory.errors = {"A": error}

    with pytest.raises(FollowUpFailedError, match=re.escape(error)):
        deliver(orders, inventory)
    assert [row["state"] for row in rows()] == ["OPEN", "DELIVERED"]

    inventory.errors = {}
    assert deliver(orders, inventory) == 1


def test_run_full_of_failures_does_not_block_other_orders(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MAX_ORDERS", 2)
    raise_purchase_orders(orders, "A", "B", "C", "D", "E")
    inventory.errors = {"A": "KeyError", "B": "KeyError"}

    with pytest.raises(FollowUpFailedError, match="KeyError"):
        deliver(orders, inventory)
    assert deliver(orders, inventory) == 2
    with pytest.raises(FollowUpFailedError, match="KeyError"):
        deliver(orders, inventory)
    assert [(row["sku"], row["state"]) for row in rows()] == [
        ("A", "OPEN"),
        ("B", "OPEN"),
        *((sku, "DELIVERED") for sku in "CDE"),
    ]


def test_order_delivered_meanwhile_is_not_rescheduled(
    table: str, dynamodb: Any, inventory: Inventory, rows: Rows
):
    orders = PurchaseOrders(table, dynamodb=dynamodb)
    raise_purchase_orders(orders, "A")
    inventory.errors = {"A": "KeyError"}

    def mend(operation: str) -> None:
        if operation == "update_item" and inventory.calls:
            inventory.errors = {}
            deliver(orders, inventory)

    with pytest.raises(FollowUpFailedError, match="KeyError"):
        deliver(PurchaseOrders(table, dynamodb=Spy(dynamodb, mend)), inventory)

    (row,) = rows()
    assert (row["state"], "awaiting" in row, row["check_after"] < NOW) == ("DELIVERED", False, True)


def test_inventory_that_does_not_answer_is_called_again_by_the_next_run(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows, monkeypatch: pytest.MonkeyPatch
):
    raise_purchase_orders(orders, "A", "B")
    answer = inventory.invoke

    def hang_once(**request: Any) -> dict[str, Any]:
        monkeypatch.setattr(inventory, "invoke", answer)
        raise ReadTimeoutError(endpoint_url="https://lambda")

    monkeypatch.setattr(inventory, "invoke", hang_once)

    with pytest.raises(FollowUpFailedError, match="ReadTimeoutError"):
        deliver(orders, inventory)
    assert [row["state"] for row in rows()] == ["OPEN", "DELIVERED"]
    assert deliver(orders, inventory) == 1


def test_edited_rows_let_others_come_first(
    orders: PurchaseOrders,
    inventory: Inventory,
    monkeypatch: pytest.MonkeyPatch,
    dynamodb: Any,
    table: str,
):
    monkeypatch.setattr(module, "MAX_ORDERS", 1)
    raise_purchase_orders(orders, "A", "B")
    (first,) = orders.due_ids(now=NOW, limit=1)
    dynamodb.update_item(
        TableName=table,
        Key={"purchase_order_id": {"S": first}},
        UpdateExpression="SET #state = :edited",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":edited": {"S": "open"}},
    )

    with pytest.raises(FollowUpFailedError, match="state must be one of"):
        deliver(orders, inventory)
    assert deliver(orders, inventory) == 1
