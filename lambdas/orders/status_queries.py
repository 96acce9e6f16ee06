"""The answers to the status queries of other services."""

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

    The answer's subject has the query's id and the state. So a query that is delivered again while
    the order is in another state gets an answer with another id.
    """
    return envelope(
        OrderStatusReported(order_id=order.order_id, state=order.state.value),
        subject=f"{query.metadata.event_id}/{order.state.value}",
        sequence=1,
        correlation_id=query.metadata.correlation_id,
        causation_id=query.metadata.event_id,
        occurred_at=now,
    )
