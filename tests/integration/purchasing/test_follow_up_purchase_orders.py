"""Purchase orders are sent, and their goods arrive once, wherever a run is cut off."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from lambdas.contracts.inventory import ReceiveStock
from lambdas.contracts.times import format_time
from lambdas.purchasing import follow_up as module
from lambdas.purchasing.domain import PurchaseOrder, plan_purchase_order
from lambdas.purchasing.follow_up import FollowUp, FollowUpFailedError
from lambdas.purchasing.store import PurchaseOrders
from lambdas.purchasing.supplier import Confirmed, Delivered, SupplierError
from tests.support.doubles import ClientDouble
from tests.support.low_stock import low
from tests.support.spy import Spy
from tests.templates.kinds import FUNCTION
from tests.templates.synthesis import platform

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = format_time(START)
DUE = format_time(START + timedelta(minutes=10))
Rows = Callable[[], list[dict[str, Any]]]


class Inventory(ClientDouble):
    """Stands in for boto3's client of Lambda, and inventory's function: a delivery counts once."""

    def __init__(self) -> None:
        self.received: dict[str, ReceiveStock] = {}
        self.calls = 0
        self.errors: dict[str, str] = {}

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "receive-stock"
        self.calls += 1
        command = ReceiveStock.decode(json.loads(Payload))
        (line,) = command.lines
        if line.sku in self.errors:
            error = {"errorType": self.errors[line.sku], "errorMessage": "no"}
            return {"FunctionError": "Unhandled", "Payload": io.StringIO(json.dumps(error))}
        self.received.setdefault(command.delivery_id, command)
        return {"Payload": io.StringIO("{}")}

    @property
    def units(self) -> dict[str, int]:
        lines = [line for command in self.received.values() for line in command.lines]
        return {
            sku: sum(a.quantity for a in lines if a.sku == sku) for sku in {a.sku for a in lines}
        }


@pytest.fixture
def inventory() -> Inventory:
    return Inventory()


@pytest.fixture
def orders(table: str, dynamodb: Any) -> PurchaseOrders:
    return PurchaseOrders(table, dynamodb=dynamodb)


def raise_purchase_orders(orders: PurchaseOrders, *skus: str) -> None:
    for i, sku in enumerate(skus):
        raised_at = START - timedelta(seconds=len(skus) - i)
        orders.put_once(plan_purchase_order(low(sku, i + 1), now=raised_at))


class Deliverer:
    """A supplier that has delivered every order, or answers and fails as it is said."""

    def __init__(self, *answers: Confirmed | SupplierError) -> None:
        self.sent: list[PurchaseOrder] = []
        self._answers = list(answers)

    def send(self, order: PurchaseOrder) -> Confirmed | Delivered:
        self.sent.append(order)
        answer = self._answers.pop(0) if self._answers else Delivered()
        if isinstance(answer, SupplierError):
            raise answer
        return answer


def deliver(
    orders: PurchaseOrders,
    inventory: Inventory,
    now: str = NOW,
    supplier: Deliverer | None = None,
) -> int:
    follow_up = FollowUp(
        orders,
        supplier=supplier or Deliverer(),
        receive_stock="receive-stock",
        functions=inventory,
    )
    return follow_up.run(now=now)


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


def test_run_is_bounded_and_the_next_does_the_rest(
    orders: PurchaseOrders, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MAX_ORDERS", 2)
    raise_purchase_orders(orders, "C", "A", "B")

    assert deliver(orders, inventory) == 2
    assert set(inventory.units) == {"C", "A"}
    assert deliver(orders, inventory) == 1
    assert inventory.units == {"A": 5, "B": 5, "C": 5}


@pytest.mark.parametrize("crash", range(6))
def test_goods_arrive_once_wherever_a_run_is_cut_off(
    table: str, dynamodb: Any, inventory: Inventory, rows: Rows, crash: int
):
    """query, then for each order: get_item, the handing over, update_item."""
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
    orders = PurchaseOrders(table, dynamodb=dynamodb)
    raise_purchase_orders(orders, "A")

    def interrupt(operation: str) -> None:
        if operation == "update_item":
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
    (order,) = orders.due(now=NOW, limit=1)
    deliver(orders, inventory)

    orders.close(order, now="2027", refusal_reason="too late")

    assert [(row["state"], row["changed_at"]) for row in rows()] == [("DELIVERED", NOW)]


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


def test_failed_delivery_stays_open_and_others_are_delivered(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows
):
    raise_purchase_orders(orders, "A", "B")
    inventory.errors = {"A": "Sandbox.Timedout"}

    with pytest.raises(FollowUpFailedError, match=r"Sandbox\.Timedout"):
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
        if operation == "update_item":
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


def test_handler_returns_how_many_were_delivered(
    load_handler: Callable[..., Any], table: str, orders: PurchaseOrders
):
    raise_purchase_orders(orders, "A")
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
