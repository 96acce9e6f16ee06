"""What all services together tell of an order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from lambdas.contracts import notifications, orders, payments, shipping, warehouse
from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Event, EventEnvelope, parse_stream_record

ORDER_STREAM_EVENTS: tuple[type[Event], ...] = (
    *orders.ORDER_EVENTS,
    *payments.ORDER_EVENTS,
    *shipping.EVENTS,
    *warehouse.EVENTS,
    *notifications.EVENTS,
)
"""The subject of each is the order, and its data names it as ``order_id``.

What services ask and answer each other about orders is no part of that.
"""

E = TypeVar("E", bound=Event)


def parse_order_record(contracts: Sequence[type[E]], body: bytes) -> EventEnvelope[E] | None:
    """Read an event of the order stream as a fact of one of these contracts; None if of none.

    Raises:
        ContractError: as ``parse_stream_record``, or the order is not the one that the event is about, or
            nobody can say when it happened.
    """
    event = parse_stream_record(contracts, body)
    if event is None:
        return None
    problems = []
    order_id: Any = getattr(event.data, "order_id", None)
    if order_id != event.metadata.subject:
        problems.append(f"order_id is {order_id}, and it is about {event.metadata.subject}")
    if not _is_time(event.metadata.occurred_at):
        problems.append(f"occurred_at is no time with its offset: {event.metadata.occurred_at}")
    if problems:
        raise ContractError(event.data.detail_type, problems)
    return event


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
