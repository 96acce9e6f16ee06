"""The events that follow from changes of an order's row."""

from dataclasses import fields, replace
from typing import Any

import pytest

from lambdas.contracts.envelope import event_id
from lambdas.contracts.orders import (
    SOURCE,
    OrderCancelled,
    OrderConfirmed,
    OrderNeedsAttention,
    OrderPlaced,
    OrderRejected,
    OrderState,
    OrderWithdrawn,
)
from lambdas.contracts.values import Money, PricedLine
from lambdas.orders.cancellation import cancel
from lambdas.orders.customer_view import customer_view
from lambdas.orders.domain import NO_LONGER_WAITING, Hold, HoldState, Order
from lambdas.orders.events import event_for_change
from lambdas.orders.rows import order_of, row_of
from lambdas.orders.stalled_orders import request_attention
from lambdas.runtime.dynamodb import from_item, to_item
from tests.support.order_requests import placed

LATER = "2026-12-01T08:26:02.918Z"


def after(order: Order, **changed: Any) -> Order:
    """The order after the saga's next write."""
    return replace(order, sequence=order.sequence + 1, changed_at=LATER, **changed)


PLACED_ORDER = placed()
CONFIRMED_ORDER = after(PLACED_ORDER, state=OrderState.CONFIRMED)
REJECTED_ORDER = after(
    PLACED_ORDER, state=OrderState.REJECTED, reason="PaymentDeclined", explanation="over the limit"
)
ORDER_WITH_DEAD_LETTERS = after(REJECTED_ORDER, failed_compensations=("RefundPayment",))
CLAIMED_ORDER = replace(
    PLACED_ORDER, claim_owner="execution", claim_until=1, claimed_by={"execution"}
)
DEFERRED_ORDER = replace(
    PLACED_ORDER, deferred_since=LATER, deferred_step="TakePayment", deferred_error="States.Timeout"
)
CANCELLED_ORDER = cancel(PLACED_ORDER, now=LATER)
WISHED_ORDER = cancel(CLAIMED_ORDER, now=LATER)
WITHDRAWN_ORDER = cancel(CONFIRMED_ORDER, now=LATER)
UNDONE_ORDER = after(
    WISHED_ORDER, state=OrderState.CANCELLED, reason="Cancelled", explanation="cancelled"
)
GIVEN_UP_ORDER = after(
    WITHDRAWN_ORDER, state=OrderState.CANCELLED, reason="Cancelled", explanation="x"
)


def test_new_order_publishes_order_placed():
    event = event_for_change(None, PLACED_ORDER)

    assert event is not None
    assert event.data == OrderPlaced(
        order_id=PLACED_ORDER.order_id,
        customer_id="17850",
        lines=(
            PricedLine(sku="85123A", quantity=6, unit_price=255),
            PricedLine(sku="71053", quantity=6, unit_price=339),
        ),
        total=Money(amount=6 * 255 + 6 * 339, currency="GBP"),
        country="United Kingdom",
    )
    assert event.metadata.subject == event.metadata.correlation_id == PLACED_ORDER.order_id
    assert event.metadata.causation_id == "request-1"
    assert event.metadata.sequence == 1
    assert event.metadata.occurred_at == PLACED_ORDER.placed_at


@pytest.mark.parametrize(
    ("before", "now", "event"),
    [
        (PLACED_ORDER, CONFIRMED_ORDER, OrderConfirmed),
        (PLACED_ORDER, REJECTED_ORDER, OrderRejected),
        (REJECTED_ORDER, ORDER_WITH_DEAD_LETTERS, OrderNeedsAttention),
        (PLACED_ORDER, CANCELLED_ORDER, OrderCancelled),
        (WISHED_ORDER, UNDONE_ORDER, OrderCancelled),
        (
            UNDONE_ORDER,
            after(UNDONE_ORDER, failed_compensations=("ReleaseStock",)),
            OrderNeedsAttention,
        ),
        (CONFIRMED_ORDER, WITHDRAWN_ORDER, OrderWithdrawn),
        (WITHDRAWN_ORDER, GIVEN_UP_ORDER, OrderCancelled),
    ],
)
def test_state_change_is_published(before: Order, now: Order, event: type):
    published = event_for_change(before, now)

    assert published is not None
    assert type(published.data) is event
    assert published.metadata.sequence == now.sequence
    assert published.metadata.causation_id == event_id(SOURCE, now.order_id, 1)
    assert published.metadata.correlation_id == now.order_id
    assert published.metadata.occurred_at == LATER


def test_rejection_is_published_with_its_reason():
    event = event_for_change(PLACED_ORDER, REJECTED_ORDER)

    assert event is not None
    assert (event.data.reason, event.data.explanation) == ("PaymentDeclined", "over the limit")


@pytest.mark.parametrize(
    ("order", "waits_for"),
    [
        (PLACED_ORDER, "a saga"),
        (DEFERRED_ORDER, "TakePayment: States.Timeout"),
        (CONFIRMED_ORDER, "dispatch"),
    ],
)
def test_request_for_attention_says_what_the_order_waits_for(order: Order, waits_for: str):
    requested = request_attention(order, now=LATER)

    event = event_for_change(order, requested)

    assert event is not None
    assert event.data == OrderNeedsAttention(
        order_id=order.order_id,
        customer_id=order.customer_id,
        failed_compensations=(),
        waits_for=waits_for,
    )
    assert (event.metadata.sequence, event.metadata.occurred_at) == (requested.sequence, LATER)
    # The order's last event is published again as before.
    assert event_for_change(None, requested) == event_for_change(None, order)


def test_deferral_has_no_event_and_the_outcome_after_it_has_its_own():
    requested = request_attention(DEFERRED_ORDER, now=LATER)
    done = after(requested, state=OrderState.CONFIRMED, **NO_LONGER_WAITING)

    assert event_for_change(CLAIMED_ORDER, DEFERRED_ORDER) is None
    event = event_for_change(requested, done)
    assert event is not None
    assert type(event.data) is OrderConfirmed


@pytest.mark.parametrize(
    ("reason", "published", "explanation"),
    [
        ("DuplicateOrder", "DuplicateOrder", "it repeats an earlier order"),
        ("Cancelled", "Cancelled", "it was cancelled at your request"),
        (None, "Cancelled", "it was cancelled at your request"),
        ("NewReason", "NewReason", ""),
    ],
)
def test_cancellation_is_published_with_its_reason_and_no_text_that_somebody_wrote(
    reason: str | None, published: str, explanation: str
):
    cancelled = replace(CANCELLED_ORDER, reason=reason, explanation="written by somebody")

    event = event_for_change(PLACED_ORDER, cancelled)

    assert event is not None
    assert (event.data.reason, event.data.explanation) == (published, explanation)


def test_failed_compensations_are_published():
    event = event_for_change(REJECTED_ORDER, ORDER_WITH_DEAD_LETTERS)

    assert event is not None
    assert event.data.failed_compensations == ("RefundPayment",)


@pytest.mark.parametrize(
    "now",
    [
        PLACED_ORDER,
        CLAIMED_ORDER,
        WISHED_ORDER,
        replace(PLACED_ORDER, changed_at=LATER),
    ],
)
def test_change_without_a_new_sequence_has_no_event(now: Order):
    assert event_for_change(PLACED_ORDER, now) is None


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (None, PLACED_ORDER),
        (PLACED_ORDER, CONFIRMED_ORDER),
        (PLACED_ORDER, REJECTED_ORDER),
        (REJECTED_ORDER, ORDER_WITH_DEAD_LETTERS),
        (CONFIRMED_ORDER, WITHDRAWN_ORDER),
        (WITHDRAWN_ORDER, GIVEN_UP_ORDER),
    ],
)
def test_redelivered_record_gives_the_same_event(before: Order | None, now: Order):
    assert event_for_change(before, now) == event_for_change(before, now)


@pytest.mark.parametrize(
    ("before", "first", "now"),
    [
        (None, PLACED_ORDER, CLAIMED_ORDER),
        (None, PLACED_ORDER, WISHED_ORDER),
        # The saga's last write but one, when it heeds a wish.
        (None, PLACED_ORDER, replace(WISHED_ORDER, changed_at="2026-12-01T08:27:00Z")),
        (CONFIRMED_ORDER, WITHDRAWN_ORDER, WITHDRAWN_ORDER),
        (CONFIRMED_ORDER, WITHDRAWN_ORDER, replace(WITHDRAWN_ORDER, claim_owner="execution")),
    ],
)
def test_republished_order_gives_the_same_event(before: Order | None, first: Order, now: Order):
    assert event_for_change(None, now) == event_for_change(before, first)


def test_every_event_of_an_order_has_its_own_id():
    published = [
        event_for_change(None, PLACED_ORDER),
        event_for_change(PLACED_ORDER, REJECTED_ORDER),
        event_for_change(REJECTED_ORDER, ORDER_WITH_DEAD_LETTERS),
    ]

    assert len({event.metadata.event_id for event in published if event is not None}) == 3


FULL_ORDER = replace(
    ORDER_WITH_DEAD_LETTERS,
    claim_owner="execution",
    claimed_by={"execution"},
    claim_until=1,
    cancel_requested_at=LATER,
    open_shard="7",
    check_after=LATER,
    deferred_shard="7",
    deferred_since=LATER,
    deferred_step="TakePayment",
    deferred_error="States.Timeout",
    deferrals=2,
    attention_requested_at=LATER,
    closed_shard="7",
    dedup_bucket="2026-12-01T08:25+00:00 7",
    dedup_key="7",
    duplicate_of="0" * 32,
    holds=(
        Hold(
            cause="c", reason="PaymentDisputed", explanation="x", state=HoldState.LIFTED, at=LATER
        ),
        Hold(cause="d", reason="PaymentDisputed", explanation="y", state=HoldState.HELD, at=LATER),
    ),
    out_of_band_events=3,
    completed_compensations=("ReleaseStock",),
)


@pytest.mark.parametrize(
    "order",
    [
        PLACED_ORDER,
        CONFIRMED_ORDER,
        REJECTED_ORDER,
        ORDER_WITH_DEAD_LETTERS,
        CANCELLED_ORDER,
        WISHED_ORDER,
        WITHDRAWN_ORDER,
        FULL_ORDER,
    ],
)
def test_order_survives_a_round_trip_through_its_row(order: Order):
    kept = from_item(to_item(row_of(order) | {"another_column": 1}))

    assert order_of(kept) == order


def test_full_order_has_every_column():
    assert row_of(FULL_ORDER).keys() == {field.name for field in fields(Order)}


def test_row_has_no_empty_columns():
    empty = {name for name in row_of(FULL_ORDER) if getattr(PLACED_ORDER, name) in (None, ())}

    assert {
        "reason",
        "claim_until",
        "cancel_requested_at",
        "failed_compensations",
        "holds",
        "closed_shard",
    } <= empty
    assert row_of(PLACED_ORDER).keys() & empty == set()
    assert "open_shard" not in row_of(CANCELLED_ORDER)


class TestView:
    def test_customer_view_has_no_internal_fields(self):
        claimed = replace(PLACED_ORDER, claim_owner="execution", claim_until=1)

        assert set(customer_view(claimed)) == {
            "order_id",
            "state",
            "currency",
            "country",
            "lines",
            "total",
            "placed_at",
            "changed_at",
        }

    def test_customer_view_of_a_rejected_order_has_the_reason(self):
        assert customer_view(REJECTED_ORDER)["reason"] == "PaymentDeclined"
        assert customer_view(REJECTED_ORDER)["explanation"] == "over the limit"


def test_customer_view_hides_technical_failures():
    """It stays on the row, for operators."""
    failed = replace(
        REJECTED_ORDER, reason="TechnicalFailure", explanation="TakePayment: States.Timeout"
    )
    event = event_for_change(PLACED_ORDER, failed)

    assert event is not None
    for published in (event.data.explanation, customer_view(failed)["explanation"]):
        assert published == "something went wrong on our side"
    assert (event.data.reason, customer_view(failed)["reason"]) == ("TechnicalFailure",) * 2
