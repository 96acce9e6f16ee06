"""What is held does not leave; whatever comes in whatever order, it leaves once when it may."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.orders import OrderHeld, OrderHoldLifted
from lambdas.contracts.shipping import BookShipment, ShipmentAlreadyCancelled
from lambdas.contracts.values import Line
from lambdas.contracts.warehouse import OrderPicked
from lambdas.runtime.dynamodb import to_item
from lambdas.runtime.errors import ConcurrentUpdateError
from lambdas.shipping.domain import (
    Shipment,
    ShipmentState,
    apply_hold,
    event_for_change,
    mark_picked,
    plan_shipment,
    refuse_unless_booked,
)
from lambdas.shipping.store import Shipments
from tests.contracts.catalog import read, sample_of
from tests.support.spy import Spy

NOW, LATER = "2026-01-01T00:00:00+00:00", "2026-01-01T00:05:00+00:00"
LINES = (Line(sku="A", quantity=2),)
PLAN = plan_shipment(BookShipment(order_id="o1", country="France", lines=LINES), now=NOW)


def updated(existing: Shipment | None, *, held: bool, sequence: int) -> Shipment:
    return apply_hold(
        existing, "o1", held=held, sequence=sequence, cause=f"event-{sequence}", now=LATER
    )


def picked(existing: Shipment | None) -> Shipment | None:
    return mark_picked(existing, cause="picked", now=LATER)


@pytest.fixture
def table(make_table: Callable[[str, str], str]) -> str:
    return make_table("shipments", "order_id")


@pytest.fixture
def shipments(dynamodb: Any, table: str) -> Shipments:
    return Shipments(table, dynamodb=dynamodb)


def apply(shipments: Shipments, *, held: bool, sequence: int) -> Shipment:
    return shipments.update("o1", change=partial(updated, held=held, sequence=sequence))


class TestStore:
    def test_booking_keeps_an_earlier_hold(self, shipments: Shipments):
        apply(shipments, held=True, sequence=2)
        booked = shipments.book(PLAN)

        assert booked == replace(PLAN, held=True, hold_sequence=2)
        refuse_unless_booked(booked)
        assert shipments.book(PLAN) == booked

    def test_held_shipment_can_be_cancelled_before_booking(self, shipments: Shipments):
        apply(shipments, held=True, sequence=2)

        assert shipments.cancel("o1", now=LATER).state == ShipmentState.CANCELLED
        with pytest.raises(ShipmentAlreadyCancelled):
            refuse_unless_booked(shipments.book(PLAN))

    def test_row_without_the_column_of_holds_can_be_held(
        self, shipments: Shipments, dynamodb: Any, table: str
    ):
        row = {
            "order_id": "o1",
            "shipment_id": "s",
            "state": ShipmentState.BOOKED,
            "created_at": NOW,
        }
        dynamodb.put_item(TableName=table, Item=to_item(row | {"changed_at": NOW}))

        assert apply(shipments, held=True, sequence=2).held

    def test_hold_during_the_booking_is_kept(self, dynamodb: Any, table: str):
        others = Shipments(table, dynamodb=dynamodb)
        apply(others, held=True, sequence=2)
        holds = iter([(False, 3), (True, 4)])

        def meanwhile(operation: str) -> None:
            # Between what the booking finds and what it writes.
            if operation == "put_item" and (published := next(holds, None)):
                apply(others, held=published[0], sequence=published[1])

        booked = Shipments(table, dynamodb=Spy(dynamodb, meanwhile)).book(PLAN)

        assert (booked.state, booked.held, booked.hold_sequence) == (ShipmentState.BOOKED, True, 4)

    def test_lasting_conflict_fails_for_a_later_retry(self, dynamodb: Any, table: str):
        others = Shipments(table, dynamodb=dynamodb)
        numbers = iter(range(2, 100))

        def meanwhile(operation: str) -> None:
            if operation == "put_item":
                apply(others, held=True, sequence=next(numbers))

        busy = Shipments(table, dynamodb=Spy(dynamodb, meanwhile))

        with pytest.raises(ConcurrentUpdateError, match="o1"):
            apply(busy, held=False, sequence=1_000)
        with pytest.raises(ConcurrentUpdateError, match="o1"):
            busy.book(PLAN)

    def test_concurrent_hold_and_dispatch_have_one_winner(
        self, dynamodb: Any, make_table: Callable[[str, str], str]
    ):
        for _ in range(20):
            shipments = Shipments(make_table("shipments", "order_id"), dynamodb=dynamodb)
            shipments.book(PLAN)
            with ThreadPoolExecutor(2) as pool:
                pool.submit(shipments.update, "o1", change=picked)
                pool.submit(apply, shipments, held=True, sequence=3)
            found = shipments.book(PLAN)
            assert found.picked
            assert (found.state == ShipmentState.DISPATCHED) != found.held


REQUESTS = st.sampled_from(["book", "cancel", "pick", *range(2, 7)])
"""A number is that of an event of the order: the even ones hold it, the odd ones lift that."""


@settings(max_examples=100)
@given(requests=st.lists(REQUESTS, min_size=4, max_size=12))
def test_shipment_is_dispatched_when_booked_picked_and_not_held(
    dynamodb: Any, make_table: Callable[[str, str], str], requests: list[Any]
):
    shipments = Shipments(make_table("shipments", "order_id"), dynamodb=dynamodb)
    rows: list[Shipment | None] = [None]
    latest, state, ready = 0, "", False
    for request in requests:
        match request:
            case "book":
                rows.append(shipments.book(PLAN))
                state = state or ShipmentState.BOOKED
            case "cancel":
                rows.append(shipments.cancel("o1", now=LATER))
                state = ShipmentState.CANCELLED if state in ("", ShipmentState.BOOKED) else state
            case "pick":
                rows.append(shipments.update("o1", change=picked))
                ready = ready or state == ShipmentState.BOOKED
            case number:
                rows.append(apply(shipments, held=number % 2 == 0, sequence=number))
                latest = max(latest, number)
        held = latest > 0 and latest % 2 == 0
        if state == ShipmentState.BOOKED and ready and not held:
            state = ShipmentState.DISPATCHED
        now = rows[-1]
        assert (now.state if now else "") == (state or (ShipmentState.AWAITED if latest else ""))

    published = {
        event.metadata.event_id
        for before, after in pairwise(rows)
        if after is not None and (event := event_for_change(before, after)) is not None
    }
    assert len(published) == (state == ShipmentState.DISPATCHED)


class TestHandlers:
    @pytest.fixture
    def load(self, load_handler: Callable[..., Any], table: str) -> Callable[[str], Any]:
        return lambda verb: load_handler(f"lambdas.shipping.{verb}", SHIPMENTS_TABLE=table)

    def event(self, contract: Any) -> dict[str, Any]:
        event: dict[str, Any] = read(sample_of(contract))
        event["detail"]["data"]["order_id"] = "o1"
        event["detail"]["metadata"]["subject"] = "o1"
        return event

    def test_held_shipment_waits_and_is_dispatched_after_the_lift(self, load: Callable[[str], Any]):
        load("book_shipment")(
            {"order_id": "o1", "country": "France", "lines": [{"sku": "A", "quantity": 2}]}, None
        )

        def state_after(verb: str, contract: Any) -> str:
            return str(load(verb)(self.event(contract), None)["state"])

        for _ in range(2):
            assert state_after("apply_hold", OrderHeld) == ShipmentState.BOOKED
            assert state_after("dispatch_shipment", OrderPicked) == ShipmentState.BOOKED
        for _ in range(2):
            assert state_after("apply_hold", OrderHoldLifted) == ShipmentState.DISPATCHED
        assert state_after("apply_hold", OrderHeld) == ShipmentState.DISPATCHED
