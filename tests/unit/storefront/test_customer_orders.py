"""The list of a customer's orders."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.order_states import OrderState
from lambdas.orders.customer_view import customer_view
from lambdas.orders.domain import Order
from lambdas.orders.events import event_for_change
from lambdas.orders.holds import NoSuchHoldError, hold, lift_hold
from lambdas.storefront.customer_orders import build_order_upserts, render_order
from lambdas.storefront.projections import update_customer_orders
from lambdas.storefront.store import CustomerOrdersView
from tests.support.order_events import (
    confirmed,
    held,
    lifted,
    placed,
    withdrawn,
)
from tests.support.order_requests import placed as placed_order
from tests.support.view_tables import FakeTable


def hold_by(order: Order, cause: str) -> Order:
    return hold(order, cause=cause, reason=f"Reason{cause}", explanation="why", now=order.placed_at)


def lift(order: Order, cause: str) -> Order:
    try:
        return lift_hold(order, cause=cause, now=order.placed_at)
    except NoSuchHoldError:
        return order


def confirm(order: Order, _: str) -> Order:
    if order.state != OrderState.PLACED:
        return order
    return replace(order, state=OrderState.CONFIRMED, sequence=order.sequence + 1, open_shard=None)


class TestCustomerOrders:
    def test_latest_event_determines_order_state(self):
        (upsert,) = build_order_upserts([confirmed(), placed()])

        assert render_order({"order_id": "o1", **upsert.attributes}) == {
            "order_id": "o1",
            "state": "CONFIRMED",
            "total": {"amount": 2_208, "currency": "GBP"},
            "placed_at": "2026-12-01T08:26:00+00:00",
            "changed_at": "2026-12-01T08:26:02+00:00",
        }

    @pytest.mark.parametrize("events", [*permutations([placed(), confirmed(), held()])])
    def test_held_order_is_marked_held(self, events: Sequence[EventEnvelope[Event]]):
        (upsert,) = build_order_upserts(events)

        shown = render_order({"order_id": "o1", **upsert.attributes})
        assert (shown["state"], shown["held"]) == ("CONFIRMED", True)
        assert shown["changed_at"] == "2026-12-01T08:26:02+00:00"

    @pytest.mark.parametrize("last", [lifted(), withdrawn()])
    def test_order_is_not_held_after_lift_or_withdrawal(self, last: EventEnvelope[Event]):
        """It is the tenth event: numbers are not sorted as texts."""
        (upsert,) = build_order_upserts([last, placed(), confirmed(), held()])

        assert "held" not in render_order({"order_id": "o1", **upsert.attributes})

    @settings(max_examples=200)
    @given(
        st.lists(st.tuples(st.sampled_from([hold_by, lift, confirm]), st.sampled_from("ABC"))),
        st.randoms(use_true_random=False),
    )
    def test_held_flag_matches_orders_service(
        self, changes: list[tuple[Callable[[Order, str], Order], str]], rng: Any
    ):
        """Holds and lifts in any order, with any order and redelivery of their events."""
        order = placed_order()
        published = [event_for_change(None, order)]
        for change, cause in changes:
            before, order = order, change(order, cause)
            published.append(event_for_change(before, order))
        events = [event for event in published if event is not None]
        live, rebuilt = FakeTable(), FakeTable()
        for table in (live, rebuilt):
            delivered = [*events, *rng.choices(events, k=3)]
            rng.shuffle(delivered)
            update_customer_orders(CustomerOrdersView("table", dynamodb=table), delivered[:2])
            update_customer_orders(CustomerOrdersView("table", dynamodb=table), delivered[2:])

        (row,) = live.items.values()
        assert live.items == rebuilt.items
        assert render_order(row).get("held", False) is ("held" in customer_view(order))

    def test_order_is_listed_only_once_placed(self):
        (upsert,) = build_order_upserts([confirmed()])

        assert "listing_key" not in upsert.attributes
