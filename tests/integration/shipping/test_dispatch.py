"""A shipment leaves once, or is cancelled once; never both."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.shipping import BookShipment, ShipmentAlreadyDispatched, ShipmentDispatched
from lambdas.contracts.values import Line
from lambdas.contracts.warehouse import OrderPicked
from lambdas.shipping.domain import (
    NoShipmentError,
    Shipment,
    ShipmentState,
    event_for_change,
    mark_picked,
    plan_shipment,
    shipment_id,
)
from lambdas.shipping.store import Shipments
from tests.contracts.catalog import read, sample_of

NOW, LATER = "2026-01-01T00:00:00+00:00", "2026-01-01T00:05:00+00:00"
LINES = (Line(sku="A", quantity=2),)
BOOKED = plan_shipment(BookShipment(order_id="o1", country="France", lines=LINES), now=NOW)


def dispatch(shipments: Shipments, order_id: str, *, cause: str, now: str) -> Shipment | None:
    """The order was picked."""
    return shipments.update(order_id, change=partial(mark_picked, cause=cause, now=now))


@pytest.fixture
def shipments(dynamodb: Any, make_table: Callable[[str, str], str]) -> Shipments:
    return Shipments(make_table("shipments", "order_id"), dynamodb=dynamodb)


def test_booked_shipment_is_dispatched_once(shipments: Shipments):
    shipments.book(BOOKED)
    left = dispatch(shipments, "o1", cause="picked-1", now=LATER)

    assert left == replace(
        BOOKED, state=ShipmentState.DISPATCHED, changed_at=LATER, cause="picked-1", picked=True
    )
    again = replace(left, reported_at="later still")
    assert dispatch(shipments, "o1", cause="picked-2", now="later still") == again
    assert shipments.cancel("o1", now="later still") == again
    assert shipments.book(BOOKED) == again


def test_dispatch_that_is_requested_again_is_published_again_under_the_same_id(
    shipments: Shipments,
):
    shipments.book(BOOKED)
    left = dispatch(shipments, "o1", cause="picked-1", now=LATER)
    asked = [dispatch(shipments, "o1", cause="picked-1", now=now) for now in ("day 1", "day 2")]

    changes = pairwise([BOOKED, left, *asked])
    events = [event_for_change(before, after) for before, after in changes if after]
    assert len(events) == 3
    assert events[0] is not None
    assert events == [events[0]] * 3
    assert asked[-1] is not None
    assert event_for_change(asked[-1], asked[-1]) is None


def test_cancelled_shipment_is_not_dispatched(shipments: Shipments):
    shipments.book(BOOKED)
    cancelled = shipments.cancel("o1", now=LATER)

    assert dispatch(shipments, "o1", cause="picked", now=LATER) == cancelled


def test_unbooked_shipment_is_not_dispatched(shipments: Shipments):
    assert dispatch(shipments, "o1", cause="picked", now=NOW) is None
    assert shipments.cancel("o1", now=LATER).created_at == LATER


def test_concurrent_cancellation_and_dispatch_have_one_winner(shipments: Shipments):
    for i in range(20):
        order_id = f"o{i}"
        shipments.book(replace(BOOKED, order_id=order_id))
        with ThreadPoolExecutor(2) as pool:
            left = pool.submit(dispatch, shipments, order_id, cause="picked", now=NOW)
            cancelled = pool.submit(shipments.cancel, order_id, now=NOW)
        found = left.result()
        assert found is not None
        assert found.state == cancelled.result().state
        assert found.state in (ShipmentState.DISPATCHED, ShipmentState.CANCELLED)


@settings(max_examples=40)
@given(requests=st.lists(st.sampled_from(["book", "cancel", "dispatch"]), max_size=8))
def test_dispatch_is_published_as_one_event_and_only_if_it_left(
    dynamodb: Any, make_table: Callable[[str, str], str], requests: list[str]
):
    shipments = Shipments(make_table("shipments", "order_id"), dynamodb=dynamodb)
    rows: list[Shipment | None] = [None]
    for request in requests:
        rows.append(
            {
                "book": lambda: shipments.book(BOOKED),
                "cancel": lambda: shipments.cancel("o1", now=LATER),
                "dispatch": lambda: dispatch(shipments, "o1", cause="picked", now=LATER),
            }[request]()
        )

    published = {
        event.metadata.event_id
        for before, after in pairwise(rows)
        if after is not None and (event := event_for_change(before, after)) is not None
    }
    last = rows[-1]
    assert len(published) == (last is not None and last.state == ShipmentState.DISPATCHED)


def test_event_has_the_shipments_data(shipments: Shipments):
    shipments.book(BOOKED)
    left = dispatch(shipments, "o1", cause="picked", now=LATER)
    assert left is not None
    event = event_for_change(BOOKED, left)

    assert event is not None
    assert event.data == ShipmentDispatched(
        order_id="o1", shipment_id=shipment_id("o1"), country="France", lines=LINES
    )
    assert (event.metadata.causation_id, event.metadata.occurred_at) == ("picked", LATER)


class TestHandlers:
    @pytest.fixture
    def load(
        self, load_handler: Callable[..., Any], make_table: Callable[[str, str], str]
    ) -> Callable[[str], Any]:
        table = make_table("shipments", "order_id")
        return lambda verb: load_handler(f"lambdas.shipping.{verb}", SHIPMENTS_TABLE=table)

    def picked(self) -> dict[str, Any]:
        event: dict[str, Any] = read(sample_of(OrderPicked))
        event["detail"]["data"]["order_id"] = "o1"
        event["detail"]["metadata"]["subject"] = "o1"
        return event

    def booking(self) -> dict[str, Any]:
        return {"order_id": "o1", "country": "France", "lines": [{"sku": "A", "quantity": 2}]}

    def test_dispatched_shipment_cannot_be_cancelled(self, load: Callable[[str], Any]):
        load("book_shipment")(self.booking(), None)

        for _ in range(2):
            assert (
                load("dispatch_shipment")(self.picked(), None)["state"] == ShipmentState.DISPATCHED
            )
        with pytest.raises(ShipmentAlreadyDispatched, match="o1"):
            load("cancel_shipment")({"order_id": "o1"}, None)

    def test_cancelled_shipment_stays_cancelled_without_error(self, load: Callable[[str], Any]):
        load("cancel_shipment")({"order_id": "o1"}, None)

        assert load("dispatch_shipment")(self.picked(), None)["state"] == ShipmentState.CANCELLED

    @pytest.mark.parametrize("country", [None, "Unspecified"])
    def test_dispatch_without_a_shipment_is_an_error(
        self, load: Callable[[str], Any], country: str | None
    ):
        if country:
            with pytest.raises(Exception, match=country):
                load("book_shipment")(self.booking() | {"country": country}, None)

        with pytest.raises(NoShipmentError, match="o1"):
            load("dispatch_shipment")(self.picked(), None)
