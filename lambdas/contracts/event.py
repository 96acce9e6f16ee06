"""The base class of events, and their metadata.

An event says what happened to one subject, and is published by the one service that owns the
subject. Events are named in the past tense. They travel on the event bus or, where order matters,
on an SNS FIFO topic.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from lambdas.contracts.bounds import TextBounds
from lambdas.contracts.values import Identifier, SequenceNumber, Time

DESTINATION_SOURCE = "lambda"
DESTINATION_DETAIL_TYPE = "Lambda Function Invocation Result - Success"
"""Source and type of the event that Lambda publishes when a function with a destination succeeds.
Its detail is the record of the invocation; ``responsePayload`` is what the function returned.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The fields that every event has, whatever its type.

    ``sequence`` grows by one with each event of its ``subject``. EventBridge does not keep the
    order of events, so a consumer that needs it compares sequences. ``correlation_id`` is the same
    for everything that follows from one request. ``causation_id`` is the id of the message that
    directly caused this event. ``occurred_at`` is UTC, ISO 8601. ``schema_version`` is the version
    in which the data were published; a consumer may have them upcast to a newer one.
    """

    event_id: Identifier
    subject: Annotated[str, TextBounds(minimum=1, maximum=250)]
    sequence: SequenceNumber
    correlation_id: str
    causation_id: str
    occurred_at: Time
    schema_version: int


Conversion = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Returns an event's data, as plain JSON, in the next or the previous version. It is pure."""


class Event:
    """The base class of events; each is a frozen, slotted, keyword-only dataclass of its data."""

    __slots__ = ()
    source: ClassVar[str]
    """The source of the service that publishes the event."""
    detail_type: ClassVar[str]
    """The name of the class."""
    version: ClassVar[int]
    """The version that the class models: the newest. A change that breaks readers is a new one."""
    publishes: ClassVar[int]
    """The version that is published; that of the class where it states none."""
    upcasters: ClassVar[Mapping[int, Conversion]] = {}
    """By version, what makes its data into the next version's; without gaps up to the newest."""
    downcasters: ClassVar[Mapping[int, Conversion]] = {}
    """By version, what makes its data into the previous version's, while that is published."""
    subject_field: ClassVar[str] = "order_id"
    """The field that must equal the metadata's subject; empty when none does."""
    topic: ClassVar[str] = ""
    """The role of the SNS FIFO topic that carries the event; empty for the bus."""
    via_destination: ClassVar[bool] = False
    """Whether a function returns the event, and Lambda publishes it as the function's success."""
    no_subscriber_reason: ClassVar[str] = ""
    """Why no service subscribes to the event; empty for an event with a subscriber."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.detail_type = cls.__name__
        if "version" in vars(cls) and "publishes" not in vars(cls):
            cls.publishes = cls.version

    @classmethod
    def reads(cls) -> tuple[int, ...]:
        """Return the versions that this code can read, the oldest first."""
        return (*sorted(cls.upcasters), cls.version)
