"""Purchase orders are sent, and their goods arrive once, wherever a run is cut off."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from lambdas.contracts.times import format_time
from lambdas.purchasing import follow_up as module
from lambdas.purchasing.domain import plan_purchase_order
from lambdas.purchasing.store import PurchaseOrders
from lambdas.purchasing.supplier import Confirmed
from tests.support.purchasing import (
    DUE,
    NOW,
    Deliverer,
    Inventory,
    Rows,
    deliver,
    low,
    raise_purchase_orders,
)
from tests.support.spy import Spy
from tests.templates.kinds import FUNCTION
from tests.templates.synthesis import platform


def test_due_order_is_delivered_and_closed(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows
):
    raise_purchase_orders(orders, "A", "B")

    assert deliver(orders, inventory) == 2
    assert inventory.units == {"A": 5, "B": 5}
    assert [(row["state"], row["changed_at"], "awaiting" in row) for row in rows()] == [
        ("DELIVERED", NOW, False)
    ] * 2
    assert deliver(orders, inventory) == 0
    assert inventory.calls == 2


def test_confirmed_order_is_sent_again_when_it_is_due_and_not_before(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows
):
    raise_purchase_orders(orders, "A")
    supplier = Deliverer(Confirmed(DUE))

    for _ in range(2):
        assert deliver(orders, inventory, supplier=supplier) == 0
    assert [(row["state"], row["check_after"]) for row in rows()] == [("OPEN", DUE)]
    assert (len(supplier.sent), inventory.calls) == (1, 0)

    assert deliver(orders, inventory, now=DUE, supplier=supplier) == 1
    first, second = supplier.sent
    assert (first.purchase_order_id, first.quantity) == (second.purchase_order_id, second.quantity)
    assert inventory.units == {"A": 5}


def test_supplier_that_promises_a_far_day_is_asked_again_the_next_day(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows
):
    raise_purchase_orders(orders, "A")
    supplier = Deliverer(Confirmed("2199-01-01T00:00:00.000Z"))
    deliver(orders, inventory, supplier=supplier)

    tomorrow = format_time(datetime.fromisoformat(NOW) + timedelta(days=1))
    assert [row["check_after"] for row in rows()] == [tomorrow]
    assert deliver(orders, inventory, now=tomorrow, supplier=supplier) == 1


def test_run_is_bounded_and_the_next_does_the_rest(
    orders: PurchaseOrders, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MAX_ORDERS", 2)
    raise_purchase_orders(orders, "C", "A", "B")

    assert deliver(orders, inventory) == 2
    assert set(inventory.units) == {"C", "A"}
    assert deliver(orders, inventory) == 1
    assert inventory.units == {"A": 5, "B": 5, "C": 5}


@pytest.mark.parametrize("crash", range(9))
def test_goods_arrive_once_wherever_a_run_is_cut_off(
    table: str, dynamodb: Any, inventory: Inventory, rows: Rows, crash: int
):
    """query, then for each order: get_item, the claim, the note of the receipt, the closing."""
    raise_purchase_orders(PurchaseOrders(table, dynamodb=dynamodb), "A", "B")
    calls: list[str] = []

    def fall(operation: str) -> None:
        calls.append(operation)
        if len(calls) == crash:
            raise SystemExit

    cut_off = PurchaseOrders(table, dynamodb=Spy(dynamodb, fall))
    if crash:
        with pytest.raises(SystemExit):
            deliver(cut_off, inventory)
    deliver(PurchaseOrders(table, dynamodb=dynamodb), inventory)

    assert inventory.units == {"A": 5, "B": 5}
    assert [row["state"] for row in rows()] == ["DELIVERED"] * 2


def test_concurrent_runs_deliver_once(table: str, dynamodb: Any, inventory: Inventory, rows: Rows):
    orders, writes = PurchaseOrders(table, dynamodb=dynamodb), count()
    raise_purchase_orders(orders, "A")

    def interrupt(operation: str) -> None:
        # The order was claimed and noted as sent before.
        if operation == "update_item" and next(writes) == 2:
            deliver(orders, inventory)

    assert deliver(PurchaseOrders(table, dynamodb=Spy(dynamodb, interrupt)), inventory) == 1
    assert inventory.units == {"A": 5}
    assert inventory.calls == 2
    assert [row["state"] for row in rows()] == ["DELIVERED"]


def test_order_closed_meanwhile_is_not_delivered_again(
    table: str, dynamodb: Any, inventory: Inventory
):
    """The index still lists it."""
    orders = PurchaseOrders(table, dynamodb=dynamodb)
    raise_purchase_orders(orders, "A")

    def close(operation: str) -> None:
        if operation == "get_item":
            deliver(orders, inventory)

    assert deliver(PurchaseOrders(table, dynamodb=Spy(dynamodb, close)), inventory) == 0
    assert inventory.calls == 1


def test_closed_order_is_unchanged(orders: PurchaseOrders, inventory: Inventory, rows: Rows):
    raise_purchase_orders(orders, "A")
    (id,) = orders.due_ids(now=NOW, limit=1)
    order = orders.find_open(id)
    assert order is not None
    deliver(orders, inventory)

    orders.close(order, now="2027", explanation="too late")

    assert [(row["state"], row["changed_at"]) for row in rows()] == [("DELIVERED", NOW)]


def test_handler_returns_how_many_were_delivered(
    load_handler: Callable[..., Any], table: str, orders: PurchaseOrders
):
    orders.put_once(plan_purchase_order(low("A", 1), now=datetime.now(UTC)))
    handler = load_handler(
        "lambdas.purchasing.follow_up_purchase_orders",
        PURCHASE_ORDERS_TABLE=table,
        RECEIVE_STOCK_FUNCTION="receive-stock",
        SUPPLIER_FUNCTION="supplier",
    )
    follow_up = handler.__globals__["follow_up"]
    follow_up._functions, follow_up._supplier = Inventory(), Deliverer()

    assert handler({}, None) == {"delivered": 1}


def test_call_is_made_once_and_waits_as_long_as_the_called_function_may_take(
    load_handler: Callable[..., Any], table: str
):
    """Who hangs up before, as on a cold start, has a delivery that counts for one that failed."""
    handler = load_handler(
        "lambdas.purchasing.follow_up_purchase_orders",
        PURCHASE_ORDERS_TABLE=table,
        RECEIVE_STOCK_FUNCTION="receive-stock",
        SUPPLIER_FUNCTION="supplier",
    )
    config = handler.__globals__["functions"].meta.config
    called = [
        platform("dev").one(FUNCTION, "ReceiveStock"),
        *(one for one in platform("dev").all(FUNCTION) if one.stack.endswith("Supplier")),
    ]

    assert len(called) == 2
    assert config.read_timeout > max(one.properties["Timeout"] for one in called)
    assert config.retries["total_max_attempts"] == 1
