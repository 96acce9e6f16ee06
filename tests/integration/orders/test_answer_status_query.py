"""The handler that answers status queries."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope, envelope, event_id
from lambdas.contracts.event import Event
from lambdas.contracts.inventory import ReservationUnresolved
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders import SOURCE, OrderRejected, OrderStatusReported
from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.payments import ChargeUnresolved
from lambdas.orders.domain import Order, UnknownOrderError
from lambdas.runtime.bus import Bus
from lambdas.runtime.errors import PublishError
from tests.support.aws_fakes import FakeEvents
from tests.support.order_requests import placed
from tests.support.stored_orders import StoredOrders

Ask = Callable[..., list[EventEnvelope[OrderStatusReported]]]
NOW = "2026-12-01T09:00:00+00:00"


def question(order_id: str, kind: type[Any] = ReservationUnresolved) -> dict[str, Any]:
    """A question as EventBridge hands it to a function."""
    return delivered(kind(order_id=order_id), f"held:{order_id}")


def delivered(event: Event, subject: str) -> dict[str, Any]:
    entry = envelope(
        event,
        subject=subject,
        sequence=3,
        correlation_id="c",
        causation_id="c",
        occurred_at=NOW,
    ).to_put_events_entry("Orders")
    return {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }


@pytest.fixture
def ask(
    load_handler: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, table: str
) -> Callable[..., list[EventEnvelope[OrderStatusReported]]]:
    name = "lambdas.orders.answer_status_query"
    handler = load_handler(name, ORDERS_TABLE=table, EVENT_BUS="Orders")

    def ask(
        event: dict[str, Any], bus: FakeEvents | None = None
    ) -> list[EventEnvelope[OrderStatusReported]]:
        events = bus or FakeEvents()
        monkeypatch.setattr(sys.modules[name], "bus", Bus("Orders", eventbridge=events))
        answer = handler(event, None)
        published = [
            parse_detail(OrderStatusReported, json.loads(entry["Detail"])) for entry in events.taken
        ]
        assert [(one.data.order_id, one.data.state) for one in published] == [
            (answer["order_id"], answer["state"])
        ]
        return published

    return ask


@pytest.mark.parametrize("kind", [ReservationUnresolved, ChargeUnresolved])
@pytest.mark.parametrize(
    "state",
    [
        OrderState.PLACED,
        OrderState.CONFIRMED,
        OrderState.REJECTED,
        OrderState.WITHDRAWN,
        OrderState.DISPATCHED,
    ],
)
def test_state_is_published_and_the_order_unchanged(
    ask: Ask, orders: StoredOrders, state: OrderState, kind: type[Any]
):
    order: Order = orders.add(replace(placed(key="k"), state=state))

    (event,) = ask(question(order.order_id, kind))

    assert event.data.state == state
    assert orders.find(order.order_id) == order


def test_query_without_an_order_id_is_refused(ask: Ask):
    events = FakeEvents()
    with pytest.raises(ContractError, match="order_id"):
        ask(question(""), events)

    assert events.requests == []


@pytest.mark.parametrize("order_id", ["0" * 32, "no id of an order"])
def test_unknown_order_is_an_error_and_nothing_is_published(ask: Ask, order_id: str):
    events = FakeEvents()
    with pytest.raises(UnknownOrderError, match=f"there is no order {order_id}, and there is "):
        ask(question(order_id), events)

    assert events.requests == []


def test_redelivered_query_gets_the_same_answer_with_the_same_id(ask: Ask, orders: StoredOrders):
    order = orders.add(placed(key="k"))
    asked = question(order.order_id)
    id_ = asked["detail"]["metadata"]["event_id"]

    first, again = (event for _ in range(2) for event in ask(asked))

    assert again.metadata.event_id == first.metadata.event_id
    assert first.metadata.event_id == event_id(SOURCE, f"{id_}/PLACED", 1)
    assert (first.metadata.causation_id, first.metadata.correlation_id) == (id_, "c")


def test_redelivered_query_gets_an_answer_with_another_id_once_the_state_differs(
    ask: Ask, orders: StoredOrders
):
    order = orders.add(placed(key="k"))
    asked = question(order.order_id)
    (before,) = ask(asked)
    assert orders.replace(order, replace(order, state=OrderState.CONFIRMED))

    (after,) = ask(asked)

    assert (before.data.state, after.data.state) == ("PLACED", "CONFIRMED")
    assert before.metadata.event_id != after.metadata.event_id


def test_rejected_answer_is_an_error(ask: Ask, orders: StoredOrders):
    asked = question(orders.add(placed(key="k")).order_id)
    id_ = asked["detail"]["metadata"]["event_id"]
    refusing = FakeEvents(refused={f"{id_}/PLACED"})

    with pytest.raises(PublishError, match="the bus rejected"):
        ask(asked, refusing)


def test_other_event_is_refused_by_name(ask: Ask):
    rejected = OrderRejected(order_id="o", customer_id="c", reason="r", explanation="e")
    with pytest.raises(ContractError, match=r"OrderRejected of com\.aws\.orders is none of "):
        ask(delivered(rejected, "o"))
