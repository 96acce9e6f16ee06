"""The outbox relay: from the stream of a table to the bus or to a topic."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, TypeVar

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.dynamodb import from_item
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.runtime.topic import Topic

T = TypeVar("T")

Row = Mapping[str, Any]
ToEvent = Callable[[Row | None, Row], EventEnvelope[Any] | None]
"""What a change from one row (None for a new one) to another tells; None when it tells nothing."""

POISON_ERRORS = (ContractError, KeyError, TypeError, ValueError)
"""What a row raises that is not what its service writes; it would raise it again for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOutcome:
    """How many facts were taken, how many records were parked, and which are to come again."""

    published: int
    dead_lettered: int
    failed: Sequence[str]

    @property
    def response(self) -> dict[str, Any]:
        """The function's answer: the stream comes back with the first failed record and all after.

        https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
        """
        return {"batchItemFailures": [{"itemIdentifier": name} for name in self.failed[:1]]}


class Relay:
    """Publishes what the changes of a table tell, and parks, whole, what tells nothing sensible."""

    def __init__(
        self, *, to_event: ToEvent, publisher: Bus | Topic, dead_letter_queue_url: str, sqs: Any
    ) -> None:
        """``dead_letter_queue_url`` is a queue's URL, ``sqs`` boto3's client."""
        self._to_event = to_event
        self._publisher = publisher
        self._dead_letter_queue_url = dead_letter_queue_url
        self._sqs = sqs

    def relay(self, records: Sequence[Mapping[str, Any]]) -> RelayOutcome:
        """Relay a batch of the stream's records.

        A fact that is not taken is reported as failed; told twice, it has the same id. Poison
        behind it comes again with it, and is parked then: parked twice, it would be there twice.
        """
        numbers: dict[str, str] = {}
        events: list[EventEnvelope[Any]] = []
        poison: dict[str, Exception] = {}
        for record in records:
            number = _number(record)
            try:
                event = self._event_of(record)
            except POISON_ERRORS as error:
                poison[number] = error
                continue
            if event is not None:
                events.append(event)
                numbers[event.metadata.event_id] = number
        rejected = self._publisher.publish(events)
        failed = [numbers[event.metadata.event_id] for event in rejected]
        dead_lettered = 0
        for record in takewhile(lambda record: _number(record) not in failed, records):
            if (number := _number(record)) in poison:
                self._dead_letter(record, poison[number])
                dead_lettered += 1
        return RelayOutcome(
            published=len(events) - len(rejected), dead_lettered=dead_lettered, failed=failed
        )

    def _event_of(self, record: Mapping[str, Any]) -> EventEnvelope[Any] | None:
        change = record["dynamodb"]
        before = from_item(change["OldImage"]) if "OldImage" in change else None
        return self._to_event(before, from_item(change["NewImage"]))

    def _dead_letter(self, record: Mapping[str, Any], error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        self._sqs.send_message(
            QueueUrl=self._dead_letter_queue_url,
            MessageBody=json.dumps({"reason": reason, "record": record}, default=str),
        )


def _number(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def row_to_event(
    parse: Callable[[Row], T], event_for_change: Callable[[T | None, T], EventEnvelope[Any] | None]
) -> ToEvent:
    """Compose a row's parser and a service's ``event_for_change`` into the relay's ``to_event``."""

    def to_event(before: Row | None, after: Row) -> EventEnvelope[Any] | None:
        return event_for_change(parse(before) if before else None, parse(after))

    return to_event


def make_relay(to_event: ToEvent, publisher: Bus | Topic) -> Relay:
    """Make a function's relay, which dead-letters to DEAD_LETTER_QUEUE_URL."""
    return Relay(
        to_event=to_event,
        publisher=publisher,
        dead_letter_queue_url=setting("DEAD_LETTER_QUEUE_URL"),
        sqs=client("sqs"),
    )


def relay_batch(relay: Relay, event: Mapping[str, Any]) -> dict[str, Any]:
    """Relay the batch that a stream invokes a function with; return the first failed record."""
    outcome = relay.relay(event["Records"])
    log(
        "outbox_relayed",
        published=outcome.published,
        dead_lettered=outcome.dead_lettered,
        rejected=len(outcome.failed),
    )
    return outcome.response
