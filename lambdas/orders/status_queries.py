"""The status queries of other services, and the answer."""

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import ReservationUnresolved
from lambdas.contracts.orders import OrderStatusReported
from lambdas.contracts.payments import ChargeUnresolved
from lambdas.orders.domain import Order

StatusQuery = ReservationUnresolved | ChargeUnresolved
STATUS_QUERIES: tuple[type[StatusQuery], ...] = (ReservationUnresolved, ChargeUnresolved)


def status_report(
    query: EventEnvelope[StatusQuery], order: Order, *, now: str
) -> EventEnvelope[OrderStatusReported]:
    """Return the event that answers the query with the order's state.

    A query that is delivered again, when the order is in another state, has another answer: so the
    answer's subject, and with it its id, is made of both.
    """
    return envelope(
        OrderStatusReported(order_id=order.order_id, state=order.state.value),
        subject=f"{query.metadata.event_id}/{order.state.value}",
        sequence=1,
        correlation_id=query.metadata.correlation_id,
        causation_id=query.metadata.event_id,
        occurred_at=now,
    )
