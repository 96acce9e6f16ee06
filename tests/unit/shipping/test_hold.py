"""A held shipment does not leave; it leaves once when the hold is lifted."""

from dataclasses import replace

import pytest

from lambdas.contracts.shipping import BookShipment
from lambdas.contracts.values import Line
from lambdas.shipping.domain import (
    NoShipmentError,
    Shipment,
    ShipmentState,
    apply_hold,
    event_for_change,
    mark_picked,
    plan_shipment,
    require_shipment,
    shipment_id,
)

NOW, LATER = "2026-01-01T00:00:00+00:00", "2026-01-01T00:05:00+00:00"
LINES = (Line(sku="A", quantity=2),)
PLAN = plan_shipment(BookShipment(order_id="o1", country="France", lines=LINES), now=NOW)


def updated(existing: Shipment | None, *, held: bool, sequence: int) -> Shipment:
    return apply_hold(
        existing, "o1", held=held, sequence=sequence, cause=f"event-{sequence}", now=LATER
    )


def picked(existing: Shipment | None) -> Shipment | None:
    return mark_picked(existing, cause="picked", now=LATER)


class TestHold:
    def test_held_shipment_is_not_dispatched_when_picked(self):
        held = updated(PLAN, held=True, sequence=3)
        waiting = picked(held)

        assert held == replace(PLAN, held=True, hold_sequence=3)
        assert waiting == replace(held, picked=True)
        assert picked(waiting) == waiting
        assert require_shipment(waiting, "o1") is waiting
        assert event_for_change(held, replace(held, picked=True)) is None

    def test_picked_shipment_is_dispatched_when_the_hold_is_lifted(self):
        waiting = picked(updated(PLAN, held=True, sequence=3))
        left = updated(waiting, held=False, sequence=4)

        assert (left.state, left.cause, left.changed_at) == (
            ShipmentState.DISPATCHED,
            "event-4",
            LATER,
        )
        assert event_for_change(waiting, left) is not None

    def test_lifted_hold_does_not_dispatch_before_picking(self):
        free = updated(updated(PLAN, held=True, sequence=3), held=False, sequence=4)

        assert free.state == ShipmentState.BOOKED
        left = picked(free)
        assert left is not None
        assert (left.state, left.cause) == (ShipmentState.DISPATCHED, "picked")

    def test_picked_shipment_stays_when_its_order_is_held_once_more(self):
        waiting = picked(updated(PLAN, held=True, sequence=3))

        again = updated(waiting, held=True, sequence=4)

        assert again == replace(PLAN, held=True, picked=True, hold_sequence=4)

    def test_order_without_a_shipment_cannot_be_dispatched(self):
        assert picked(None) is None
        with pytest.raises(NoShipmentError):
            require_shipment(None, "o1")

    def test_older_event_is_ignored(self):
        lifted = updated(PLAN, held=False, sequence=4)

        assert updated(lifted, held=True, sequence=3) is lifted
        assert updated(lifted, held=False, sequence=4) is lifted
        assert updated(lifted, held=True, sequence=5).held

    def test_hold_before_the_booking_is_stored(self):
        assert updated(None, held=True, sequence=2) == Shipment(
            order_id="o1",
            shipment_id=shipment_id("o1"),
            state=ShipmentState.AWAITED,
            created_at=LATER,
            changed_at=LATER,
            held=True,
            hold_sequence=2,
        )

    @pytest.mark.parametrize(
        "state", [ShipmentState.REFUSED, ShipmentState.CANCELLED, ShipmentState.DISPATCHED]
    )
    def test_final_shipment_is_not_changed_by_a_hold(self, state: ShipmentState):
        final = replace(PLAN, state=state)

        assert updated(final, held=True, sequence=3) is final

    def test_awaited_shipment_cannot_be_dispatched(self):
        awaited = updated(None, held=True, sequence=2)

        assert picked(awaited) is awaited
        with pytest.raises(NoShipmentError):
            require_shipment(awaited, "o1")
