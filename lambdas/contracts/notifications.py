"""What the notifications service tells."""

from dataclasses import dataclass
from typing import ClassVar

from lambdas.contracts.event import Event

SOURCE = "com.aws.notifications"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerNotified(Event):
    """The customer was told of an event of the order, or it is settled that nothing is sent.

    ``notice`` is the type of that event, such as ``OrderConfirmed``; the sequence is that event's
    own, so it grows with gaps. ``result`` is ``SENT``; ``NO_ADDRESS``, when none is known; or
    ``RECORDED``, where the environment has no sender. There is no address in it.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "CustomerNotified"
    version: ClassVar = 1
    via_destination: ClassVar = True

    order_id: str
    customer_id: str
    notice: str
    result: str


EVENTS: tuple[type[Event], ...] = (CustomerNotified,)
