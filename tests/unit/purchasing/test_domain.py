"""What is ordered for a crossing of a threshold."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.inventory import StockSoldOut
from lambdas.purchasing.domain import delivery_command, plan_purchase_order
from tests.support.purchasing import low

START = datetime(2026, 1, 1, tzinfo=UTC)


def order(event: EventEnvelope[Any], now: datetime = START) -> Any:
    return plan_purchase_order(event, now=now)


class TestPlanPurchaseOrder:
    def test_quantity_is_the_minimum(self):
        raised = order(low("A", 7, minimum=12))

        assert (raised.sku, raised.quantity, raised.state) == ("A", 12, "OPEN")
        assert {raised.raised_at, raised.check_after, raised.changed_at} == {
            "2026-01-01T00:00:00.000Z"
        }

    def test_quantity_is_at_least_one(self):
        assert order(low("A", 7, kind=StockSoldOut, minimum=0)).quantity == 1

    def test_repeated_event_leads_to_the_same_order(self):
        later = START + timedelta(days=1)

        assert order(low("A", 7)).purchase_order_id == order(low("A", 7), later).purchase_order_id
        ids = {order(low(sku, n)).purchase_order_id for sku in ("A", "B") for n in (1, 2)}
        assert len(ids) == 4

    def test_order_has_one_delivery_id(self):
        raised = order(low("A", 7))

        assert delivery_command(raised) == delivery_command(
            order(low("A", 7), START + timedelta(days=1))
        )
        assert delivery_command(raised).delivery_id == f"purchase-order/{raised.purchase_order_id}"
