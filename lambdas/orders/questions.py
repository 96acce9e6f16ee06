"""What other services ask about an order, and what they are answered."""

from lambdas.contracts.event import EventEnvelope, envelope
from lambdas.contracts.inventory import ReservationUnresolved
from lambdas.contracts.orders import OrderStatusReported
from lambdas.contracts.payments import ChargeUnresolved
from lambdas.orders.domain import Order

Question = ReservationUnresolved | ChargeUnresolved
QUESTIONS: tuple[type[Question], ...] = (ReservationUnresolved, ChargeUnresolved)


def answer(question: EventEnvelope[Question], order: Order, *, now: str) -> EventEnvelope[OrderStatusReported]:
    """What became of the order that is asked about."""
    return envelope(
        OrderStatusReported(order_id=order.order_id, state=order.state),
        subject=question.metadata.event_id,
        sequence=1,
        correlation_id=question.metadata.correlation_id,
        causation_id=question.metadata.event_id,
        occurred_at=now,
    )
