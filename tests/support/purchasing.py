"""The events that purchasing consumes; a supplier and inventory, for the job that follows up."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import ReceiveStock, StockBelowMinimum, StockSoldOut
from lambdas.contracts.times import format_time
from lambdas.purchasing.domain import LowStockEvent, PurchaseOrder, plan_purchase_order
from lambdas.purchasing.follow_up import FollowUp
from lambdas.purchasing.store import PurchaseOrders
from lambdas.purchasing.supplier import Confirmed, Delivered, SupplierError
from tests.support.doubles import ClientDouble

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = format_time(START)
DUE = format_time(START + timedelta(minutes=10))
Rows = Callable[[], list[dict[str, Any]]]


def low(
    sku: str, sequence: int, *, kind: type[LowStockEvent] = StockBelowMinimum, minimum: int = 5
) -> EventEnvelope[LowStockEvent]:
    """Make inventory's event for a SKU that runs low."""
    available = 0 if kind is StockSoldOut else 1
    return envelope(
        kind(sku=sku, available=available, reserved=3, minimum=minimum),
        subject=sku,
        sequence=sequence,
        correlation_id="o1",
        causation_id="ReserveStock/o1",
        occurred_at=NOW,
    )


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
