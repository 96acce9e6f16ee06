"""An order after each change of its row that has an event, and after some that have none."""

from dataclasses import replace
from typing import Any

from lambdas.contracts.order_states import OrderState
from lambdas.orders.cancellation import cancel
from lambdas.orders.domain import Order
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
