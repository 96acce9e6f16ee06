"""Resuming a deferred order, on DynamoDB."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.orders.domain import NotDeferredError, Order, UnknownOrderError
from lambdas.runtime.bus import Bus
from tests.support.aws_fakes import FakeEvents
from tests.support.order_api import Handler
from tests.support.order_requests import placed
from tests.support.stored_orders import StoredOrders


@pytest.fixture
def resume_order(load_handler: Callable[..., Any], table: str) -> Handler:
    handler: Handler = load_handler(
        "lambdas.orders.resume_order", ORDERS_TABLE=table, EVENT_BUS="Orders"
    )
    return handler


@pytest.fixture
def events(resume_order: Handler, monkeypatch: pytest.MonkeyPatch) -> FakeEvents:
    events = FakeEvents()
    module = sys.modules["lambdas.orders.resume_order"]
    monkeypatch.setattr(module, "bus", Bus("Orders", eventbridge=events))
    return events


def deferred() -> Order:
    return replace(
        placed(),
        claimed_by={"execution"},
        deferred_since="2026-12-01T08:31:00Z",
        deferred_step="TakePayment",
        deferred_error="States.Timeout",
        deferrals=9,
        check_after="2100-01-01T00:00:00Z",
    )


def test_deferred_order_is_published_again_at_once(
    resume_order: Handler, orders: StoredOrders, events: FakeEvents
):
    order = orders.add(deferred())

    answer = resume_order({"order_id": order.order_id}, None)

    assert answer == {"order_id": order.order_id, "state": "PLACED"}
    assert [entry["DetailType"] for entry in events.taken] == ["OrderPlaced"]
    kept = orders.find(order.order_id)
    assert kept is not None
    assert kept.deferrals is None
    assert kept.check_after is not None
    assert kept.check_after < datetime.now(UTC).replace(year=2100, month=1, day=1).isoformat()


def test_order_that_is_not_deferred_is_not_published(
    resume_order: Handler, orders: StoredOrders, events: FakeEvents
):
    order = orders.add(placed())

    with pytest.raises(NotDeferredError, match=order.order_id):
        resume_order({"order_id": order.order_id}, None)
    with pytest.raises(UnknownOrderError):
        resume_order({"order_id": "0" * 32}, None)
    assert events.taken == []
