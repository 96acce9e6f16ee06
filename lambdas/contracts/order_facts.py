"""What all services together tell of an order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from lambdas.contracts import orders, payments, shipping, warehouse
from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Event, Fact, hear_event

ORDER_FACTS: tuple[type[Event], ...] = (
    *orders.EVENTS,
    *payments.ORDER_EVENTS,
    *shipping.EVENTS,
    *warehouse.EVENTS,
)
"""The subject of each is the order, and its data names it as ``order_id``."""

E = TypeVar("E", bound=Event)


def hear_order(contracts: Sequence[type[E]], body: bytes) -> Fact[E] | None:
    """Read an event of the order stream as a fact of one of these contracts; None if of none.

    Raises:
        ContractError: as ``hear_event``, or the order is not the one that the event is about, or
            nobody can say when it happened.
    """
    fact = hear_event(contracts, body)
    if fact is None:
        return None
    problems = []
    order_id: Any = getattr(fact.data, "order_id", None)
    if order_id != fact.metadata.subject:
        problems.append(f"order_id is {order_id}, and it is about {fact.metadata.subject}")
    if not _is_time(fact.metadata.occurred_at):
        problems.append(f"occurred_at is no time with its offset: {fact.metadata.occurred_at}")
    if problems:
        raise ContractError(fact.data.detail_type, problems)
    return fact


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
