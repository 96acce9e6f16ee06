"""The events that follow from changes of an order's row."""

from dataclasses import replace

import pytest

from lambdas.contracts.envelope import event_id
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders import (
    SOURCE,
    OrderCancelled,
    OrderConfirmed,
    OrderNeedsAttention,
    OrderPlaced,
    OrderRejected,
    OrderWithdrawn,
)
from lambdas.contracts.values import Money, PricedLine
from lambdas.orders.domain import NO_LONGER_WAITING, Order
from lambdas.orders.events import event_for_change
from lambdas.orders.stalled_orders import request_attention
from tests.support.changed_orders import (
    CANCELLED_ORDER,
    CLAIMED_ORDER,
    CONFIRMED_ORDER,
    DEFERRED_ORDER,
    GIVEN_UP_ORDER,
    LATER,
    ORDER_WITH_DEAD_LETTERS,
    PLACED_ORDER,
    REJECTED_ORDER,
    UNDONE_ORDER,
    WISHED_ORDER,
    WITHDRAWN_ORDER,
    after,
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


@pytest.mark.parametrize("why", [("PaymentDeclined", "over the limit"), (None, None)])
def test_rejection_is_published_with_its_reason(why: tuple[str | None, str | None]):
    rejected = replace(REJECTED_ORDER, reason=why[0], explanation=why[1])

    event = event_for_change(PLACED_ORDER, rejected)

    assert event is not None
    assert (event.data.reason, event.data.explanation) == (why[0] or "", why[1] or "")


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

    assert event_for_change(CLAIMED_ORDER, DEFERRED_ORDER) is None
    for columns in ({}, NO_LONGER_WAITING):
        done = after(requested, state=OrderState.CONFIRMED, **columns)
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
