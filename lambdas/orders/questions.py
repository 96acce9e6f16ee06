"""What other services ask about an order, and what they are answered."""

from lambdas.contracts.event import Fact, tell
from lambdas.contracts.inventory import ReservationLeftOpen
from lambdas.contracts.orders import OrderLookedUp
from lambdas.contracts.payments import ChargeLeftOpen
from lambdas.orders.domain import Order

Question = ReservationLeftOpen | ChargeLeftOpen
QUESTIONS: tuple[type[Question], ...] = (ReservationLeftOpen, ChargeLeftOpen)


def answer(question: Fact[Question], order: Order, *, now: str) -> Fact[OrderLookedUp]:
    """What became of the order that is asked about."""
    return tell(
        OrderLookedUp(order_id=order.order_id, state=order.state),
        subject=question.metadata.event_id,
        sequence=1,
        correlation_id=question.metadata.correlation_id,
        causation_id=question.metadata.event_id,
        occurred_at=now,
    )
