import json
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.inventory import STOCK_EVENTS, StockChanged
from lambdas.contracts.orders import OrderConfirmed, OrderRejected
from lambdas.contracts.values import Line
from tests.contracts.catalog import read, sample_of
from workers.warehouse.domain import (
    Picking,
    StockLevel,
    order_picked_event,
    parse_picking,
    parse_stock_level,
)

NOW = "2026-12-01T09:02:11.407Z"


def confirmed(**changed: Any) -> str:
    event = read(sample_of(OrderConfirmed))
    event["detail"]["data"] |= changed
    return json.dumps(event)


class TestPicking:
    def test_confirmed_order_is_to_be_picked(self):
        metadata = read(sample_of(OrderConfirmed))["detail"]["metadata"]

        assert parse_picking(confirmed(), now=NOW) == Picking(
            order_id=metadata["subject"],
            lines=(
                Line(sku="85123A", quantity=6),
                Line(sku="71053", quantity=6),
                Line(sku="84406B", quantity=8),
            ),
            correlation_id=metadata["correlation_id"],
            cause=metadata["event_id"],
            picked_at=NOW,
        )

    def test_event_published_again_is_the_same(self):
        picking = parse_picking(confirmed(), now=NOW)
        event = order_picked_event(picking)

        assert order_picked_event(picking) == event
        assert event.data.lines == picking.lines
        assert event.metadata.causation_id == picking.cause
        assert event.metadata.occurred_at == NOW

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ("not JSON", "not JSON"),
            ("[" * 100_000, "not JSON"),
            ("[]", "no source and detail-type"),
            ("{}", "no source and detail-type"),
            (json.dumps(read(sample_of(OrderRejected))), "OrderRejected of com.aws.orders"),
            ('{"source": "com.aws.orders", "detail-type": "OrderConfirmed"}', "is missing|must be"),
            (confirmed(lines=[]), "lines must have 1 to 90 items, not 0"),
            (
                confirmed(lines=[{"sku": "A", "quantity": -1, "unit_price": 1}]),
                r"lines\[0\].quantity must be an integer from 1 to 1000000000, not -1",
            ),
            (confirmed(order_id=7), "order_id must be a string"),
        ],
    )
    def test_invalid_message_is_refused_with_the_reason(self, body: str, problem: str):
        with pytest.raises(ContractError, match=problem):
            parse_picking(body, now=NOW)

    def test_unknown_version_is_refused_with_the_reason(self):
        event = read(sample_of(OrderConfirmed))
        event["detail"]["metadata"]["schema_version"] = 99

        with pytest.raises(ContractError, match="schema_version is 99"):
            parse_picking(json.dumps(event), now=NOW)


class TestStockLevel:
    @pytest.mark.parametrize("event", STOCK_EVENTS)
    def test_every_stock_event_has_the_whole_stock(self, event: Any):
        message = read(sample_of(event))

        assert parse_stock_level(json.dumps(message)) == StockLevel(
            **message["data"], sequence=message["metadata"]["sequence"]
        )

    def test_negative_stock_is_refused_with_the_reason(self):
        message = read(sample_of(StockChanged))
        message["data"]["available"] = -1

        with pytest.raises(ContractError, match="available must be at least 0"):
            parse_stock_level(json.dumps(message))
