from dataclasses import replace

import pytest

from lambdas.contracts.shipping import (
    AddressUndeliverable,
    BookShipment,
    ShipmentAlreadyCancelled,
    ShipmentAlreadyDispatched,
)
from lambdas.contracts.values import Line
from lambdas.shipping.domain import (
    Shipment,
    ShipmentState,
    event_for_change,
    mark_picked,
    plan_shipment,
    refuse_unless_booked,
    refuse_unless_cancelled,
    shipment_id,
)

NOW = "2026-01-01T00:00:00+00:00"
LINES = (Line(sku="A", quantity=2),)


def planned(country: str) -> Shipment:
    return plan_shipment(BookShipment(order_id="o1", country=country, lines=LINES), now="now")


@pytest.mark.parametrize("country", ["United Kingdom", "EIRE", "Channel Islands", " France "])
def test_country_is_delivered_to(country: str):
    shipment = planned(country)

    refuse_unless_booked(shipment)
    assert shipment == Shipment(
        order_id="o1",
        shipment_id=shipment_id("o1"),
        state=ShipmentState.BOOKED,
        created_at="now",
        changed_at="now",
        country=country.strip(),
        lines=LINES,
    )


@pytest.mark.parametrize(
    ("country", "message"),
    [
        ("Unspecified", 'no carrier delivers to "Unspecified": it is not a country'),
        ("EUROPEAN COMMUNITY", 'no carrier delivers to "EUROPEAN COMMUNITY": it is not a country'),
        ("", "the address names no country"),
        ("  ", "the address names no country"),
    ],
)
def test_address_without_a_country_is_refused(country: str, message: str):
    with pytest.raises(AddressUndeliverable) as refusal:
        refuse_unless_booked(planned(country))

    assert str(refusal.value) == message


def test_cancelled_shipment_refuses_a_late_booking():
    shipment = Shipment(
        order_id="o1", shipment_id="s1", state=ShipmentState.CANCELLED, created_at="", changed_at=""
    )

    with pytest.raises(ShipmentAlreadyCancelled, match="order o1 was cancelled"):
        refuse_unless_booked(shipment)


@pytest.mark.parametrize("state", ShipmentState)
def test_only_a_shipment_that_has_left_cannot_be_cancelled(state: ShipmentState):
    shipment = replace(planned("France"), state=state)

    if state == ShipmentState.DISPATCHED:
        with pytest.raises(ShipmentAlreadyDispatched, match="order o1 has left"):
            refuse_unless_cancelled(shipment)
    else:
        refuse_unless_cancelled(shipment)


def test_only_the_change_to_dispatched_has_an_event():
    booked = replace(planned("France"), changed_at=NOW)
    left = replace(booked, state=ShipmentState.DISPATCHED, cause="picked")

    assert event_for_change(None, booked) is None
    assert event_for_change(left, replace(left, held=True)) is None
    (first, second) = (event_for_change(before, left) for before in (None, booked))
    assert first is not None
    assert first == second
    assert (first.data.lines, first.metadata.causation_id) == (LINES, "picked")


def test_dispatch_is_reported_again_when_a_shipment_that_left_is_picked_again():
    booked = planned("France")
    left = mark_picked(booked, cause="picked", now=NOW)
    again = mark_picked(left, cause="picked again", now="2026-01-01T00:05:00+00:00")

    assert left is not None
    assert again is not None
    first, second = event_for_change(booked, left), event_for_change(left, again)
    assert first is not None
    assert first == second


def test_shipment_id_is_derived_from_the_order_and_opaque():
    assert shipment_id("o1") == shipment_id("o1") != shipment_id("o2")
    assert "o1" not in shipment_id("o1")
