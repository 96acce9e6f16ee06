"""What an event, a command and a refusal are.

An event is a fact about one subject (an order, a SKU), told in the past tense and put on the bus,
or on a FIFO topic where order matters, by the one service whose source it bears. A command asks one
service to act, in the imperative, and is the payload of that service's function. A refusal is a
business's no to a command: final, named, never retried.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID, uuid5

from lambdas.contracts.codec import ContractError, decode, encode

UUID_NAMESPACE = UUID("8e1ee3b4-31a0-4d0f-9f1a-3a1f6f0a2c5d")

DESTINATION_SOURCE = "lambda"
DESTINATION_DETAIL_TYPE = "Lambda Function Invocation Result - Success"
"""Source and type of the event by which Lambda tells a bus that a function succeeded. Its detail is
the record of the invocation, in which the function's answer is ``responsePayload``.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What is true of any event, whatever it tells.

    ``sequence`` grows by one with each event of its ``subject``: EventBridge keeps no order, so
    whoever needs it compares sequences. ``correlation_id`` is shared by all that follows from one
    request; ``causation_id`` names the message that led directly to this one. ``occurred_at`` is
    UTC, ISO 8601.
    """

    event_id: str
    subject: str
    sequence: int
    correlation_id: str
    causation_id: str
    occurred_at: str
    schema_version: int


class Event:
    """Base of all events; each is a frozen, slotted, keyword-only dataclass of its data."""

    __slots__ = ()
    source: ClassVar[str]
    detail_type: ClassVar[str]
    version: ClassVar[int]
    topic: ClassVar[str] = ""
    """The SNS FIFO topic on which it is told, by its role; empty for the bus."""
    via_destination: ClassVar[bool] = False
    """Whether it is a function's answer, which Lambda tells the bus as the function's success."""
    no_subscriber_reason: ClassVar[str] = ""
    """Why nobody listens to this event; empty for one that somebody hears."""

    @classmethod
    def pattern(cls) -> dict[str, Any]:
        """The EventBridge pattern of a live rule for this event."""
        return pattern([cls])


E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEnvelope(Generic[E]):
    """An event together with its metadata: what travels as the ``detail`` on the bus."""

    metadata: Metadata
    data: E

    def to_put_events_entry(self, bus_name: str) -> dict[str, Any]:
        """The fact as an entry of EventBridge's ``PutEvents``."""
        return {
            "EventBusName": bus_name,
            "Source": self.data.source,
            "DetailType": self.data.detail_type,
            "Time": datetime.fromisoformat(self.metadata.occurred_at),
            "Detail": json.dumps(self._detail()),
        }

    def to_sns_message(self) -> str:
        """The fact as the body of a message, which also has to say what the bus says beside it."""
        return json.dumps(self.to_lambda_response())

    def to_lambda_response(self) -> dict[str, Any]:
        """The same as the answer of a function, for an event that is told by Lambda."""
        kind = {"source": self.data.source, "detail_type": self.data.detail_type}
        return kind | self._detail()

    def _detail(self) -> dict[str, Any]:
        return {"metadata": encode(self.metadata), "data": encode(self.data)}


def envelope(
    event: E,
    *,
    subject: str,
    sequence: int,
    correlation_id: str,
    causation_id: str,
    occurred_at: str,
) -> EventEnvelope[E]:
    """Wrap ``event`` into a fact.

    The event's id is derived from source, subject and sequence: telling it again is the same event.
    """
    return EventEnvelope(
        metadata=Metadata(
            event_id=event_id(event.source, subject, sequence),
            subject=subject,
            sequence=sequence,
            correlation_id=correlation_id,
            causation_id=causation_id,
            occurred_at=occurred_at,
            schema_version=event.version,
        ),
        data=event,
    )


def event_id(source: str, subject: str, sequence: int) -> str:
    """The id of the event that ``source`` tells of ``subject`` as number ``sequence``."""
    return str(uuid5(UUID_NAMESPACE, f"{source}/{subject}/{sequence}"))


def parse_detail(contract: type[E], detail: object) -> EventEnvelope[E]:
    """Read the ``detail`` of a delivered event as a fact of ``contract``.

    Raises:
        ContractError: naming every field that is missing or of a wrong type, or the version when
            it is not the contract's.
    """
    parts = detail if isinstance(detail, dict) else {}
    metadata = decode(Metadata, parts.get("metadata"))
    if metadata.schema_version != contract.version:
        raise ContractError(
            contract.detail_type,
            [f"schema_version is {metadata.schema_version}, this code knows {contract.version}"],
        )
    return EventEnvelope(metadata=metadata, data=decode(contract, parts.get("data")))


def parse_stream_record(contracts: Sequence[type[E]], body: bytes) -> EventEnvelope[E] | None:
    """Read an event, as the bus delivers it to a stream, as a fact of one of these contracts.

    None is the answer to an event that is none of them: a reader passes over what it does not know.

    Raises:
        ContractError: it is no event at all, or does not fit the contract that it names.
    """
    return parse_known_event(contracts, _load_object("delivered event", body))


def parse_event(contracts: Sequence[type[E]], event: Mapping[str, Any]) -> EventEnvelope[E]:
    """Read an event, as the bus delivers it to a function, as a fact of one of these contracts.

    Raises:
        ContractError: it is of none of them, or does not fit the one that it names.
    """
    parsed = parse_known_event(contracts, event)
    if parsed is None:
        known = ", ".join(contract.detail_type for contract in contracts)
        raise ContractError("delivered event", [f"{event['detail-type']} is none of {known}"])
    return parsed


def parse_known_event(
    contracts: Sequence[type[E]], event: Mapping[str, Any]
) -> EventEnvelope[E] | None:
    """Read an event, as the bus delivers it to a function, likewise."""
    source, detail_type, detail, via_destination = unwrap_destination_event(event)
    if not isinstance(source, str) or not isinstance(detail_type, str):
        raise ContractError("delivered event", ["it has no source and detail-type"])
    for contract in contracts:
        known = (contract.source, contract.detail_type, contract.via_destination)
        if (source, detail_type, via_destination) == known:
            return parse_detail(contract, detail)
    return None


def unwrap_destination_event(event: Mapping[str, Any]) -> tuple[Any, Any, Any, bool]:
    """What an event of the bus tells: source, type and detail, and whether Lambda tells it.

    If so, these are what the function says of its answer.
    """
    kind, detail = (event.get("source"), event.get("detail-type")), event.get("detail")
    if kind != (DESTINATION_SOURCE, DESTINATION_DETAIL_TYPE):
        return *kind, detail, False
    response = detail.get("responsePayload") if isinstance(detail, dict) else None
    payload = response if isinstance(response, dict) else {}
    return payload.get("source"), payload.get("detail_type"), payload, True


def parse_message(contracts: Sequence[type[E]], body: str) -> EventEnvelope[E]:
    """Read the body of a delivered message as a fact of one of these contracts.

    Raises:
        ContractError: it is of none of them, or does not fit the one that it names.
    """
    payload = _load_object("message", body)
    kind = (payload.get("source"), payload.get("detail_type"))
    for contract in contracts:
        if kind == (contract.source, contract.detail_type):
            return parse_detail(contract, payload)
    known = ", ".join(contract.detail_type for contract in contracts)
    raise ContractError("message", [f"{kind[1]} of {kind[0]} is none of {known}"])


def _load_object(what: str, body: str | bytes) -> dict[str, Any]:
    """The JSON object that ``body`` is; an empty one for other JSON."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ContractError(what, [f"it is not JSON: {error}"]) from None
    return content if isinstance(content, dict) else {}


def pattern(contracts: Sequence[type[Event]]) -> dict[str, Any]:
    """The EventBridge pattern of a live rule for these events.

    It leaves replayed events out: those carry ``replay-name`` and match every rule that does
    not say otherwise.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
    """
    return _pattern(contracts, replayed=False)


def replay_pattern(contracts: Sequence[type[Event]]) -> dict[str, Any]:
    """The same of the one rule that hears replayed events, and nothing else."""
    return _pattern(contracts, replayed=True)


def _pattern(contracts: Sequence[type[Event]], *, replayed: bool) -> dict[str, Any]:
    """The ways in which these events come, of which there may be two, and whether replayed."""
    published, returned = (
        [c for c in contracts if c.via_destination is by] for by in (False, True)
    )
    alternatives = []
    if published:
        version = {"schema_version": _distinct("version", published)}
        alternatives.append({**record_filter(published), "detail": {"metadata": version}})
    if returned:
        alternatives.append(
            {
                "source": [DESTINATION_SOURCE],
                "detail-type": [DESTINATION_DETAIL_TYPE],
                "detail": {"responsePayload": filter_policy(returned)},
            }
        )
    alternative = alternatives[0] if len(alternatives) == 1 else {"$or": alternatives}
    return {**alternative, "replay-name": [{"exists": replayed}]}


def record_filter(contracts: Sequence[type[Event]]) -> dict[str, Any]:
    """The pattern of a stream mapping's filter for these events, of whatever version.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html
    """
    return {
        "source": _distinct("source", contracts),
        "detail-type": _distinct("detail_type", contracts),
    }


def filter_policy(contracts: Sequence[type[Event]]) -> dict[str, Any]:
    """The SNS filter policy, on the message's body, of a subscriber to these events.

    https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering-scope.html
    """
    return {
        "source": _distinct("source", contracts),
        "detail_type": _distinct("detail_type", contracts),
        "metadata": {"schema_version": _distinct("version", contracts)},
    }


def _distinct(name: str, contracts: Sequence[type[Event]]) -> list[Any]:
    return sorted({getattr(contract, name) for contract in contracts})


class Command:
    """Base of all commands; each is a frozen, slotted, keyword-only dataclass."""

    __slots__ = ()

    @classmethod
    def decode(cls, payload: object) -> Self:
        """Read a function's payload; raises ContractError naming every field that does not fit."""
        return decode(cls, payload)


MAX_REFUSAL_LENGTH = 1_000
"""So many letters a refusal may have: a saga reads it from an error of which Step Functions keeps
32,768 letters, and in which one of ours may take twelve; cut off there, it could not be read.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskFailedEventDetails.html
"""


class Refusal(Exception):
    """A business's no to a command: never retried, and the same whenever it is asked again.

    What it says, for a customer's eyes, is cut off after ``MAX_REFUSAL_LENGTH`` letters.
    """

    def __init__(self, explanation: str = "") -> None:
        long = len(explanation) > MAX_REFUSAL_LENGTH
        super().__init__(f"{explanation[: MAX_REFUSAL_LENGTH - 1]}…" if long else explanation)


TECHNICAL_FAILURE = "TechnicalFailure"
"""The reason given when something was undone because it failed, not because it was refused."""

CANCELLED = "Cancelled"
"""The reason given when something was undone because the customer asked for it."""
