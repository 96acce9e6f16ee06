"""The outbox relay: from the stream of a table to the bus or to a topic."""

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeVar

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.parsing import parse_detail
from lambdas.runtime.batch import BatchOutcome
from lambdas.runtime.dead_letters import DeadLetterQueue, make_dead_letter_queue
from lambdas.runtime.dynamodb import from_item
from lambdas.runtime.log import log
from lambdas.runtime.publisher import Publisher

T = TypeVar("T")

Row = Mapping[str, Any]
ToEvent = Callable[[Row | None, Row], EventEnvelope[Any] | None]
"""Returns the event of a change from one row (None for a new one) to another, or None."""


class Relay:
    """Publishes the events of a table's changes, and dead-letters poison records."""

    def __init__(
        self, *, to_event: ToEvent, publisher: Publisher, dead_letters: DeadLetterQueue
    ) -> None:
        """``dead_letters`` is a standard queue."""
        self._to_event = to_event
        self._publisher = publisher
        self._dead_letters = dead_letters

    def relay(self, records: Sequence[Mapping[str, Any]]) -> BatchOutcome:
        """Publish the events of a batch of the stream's records.

        If the bus rejects an event, its record is reported as failed and delivered again; an event
        that is published twice has the same id. A poison record after a failed one is dead-lettered
        only when it is delivered again, so that it is in the queue once.
        """
        numbers: dict[str, str] = {}
        events: list[EventEnvelope[Any]] = []
        poison: dict[str, str] = {}
        for record in records:
            number = _number(record)
            try:
                event = self._event_of(record)
            except Exception as error:  # noqa: BLE001 -- no I/O: whatever it is, it comes again
                poison[number] = f"{type(error).__name__}: {error}"
                continue
            if event is not None:
                events.append(event)
                numbers[event.metadata.event_id] = number
        rejected = self._publisher.publish(events)
        failed = [numbers[event.metadata.event_id] for event in rejected]
        dead_lettered = 0
        for record in takewhile(lambda record: _number(record) not in failed, records):
            if (number := _number(record)) in poison:
                self._dead_letters.send_record(record, reason=poison[number])
                dead_lettered += 1
        return BatchOutcome(
            processed=len(events) - len(rejected), dead_lettered=dead_lettered, failed=failed
        )

    def _event_of(self, record: Mapping[str, Any]) -> EventEnvelope[Any] | None:
        """Return a record's event, or None; raise if consumers could not parse the event."""
        change = record["dynamodb"]
        before = from_item(change["OldImage"]) if "OldImage" in change else None
        event = self._to_event(before, from_item(change["NewImage"]))
        if event is not None:
            parse_detail(type(event.data), event.detail)
        return event


def _number(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def row_to_event(
    parse: Callable[[Row], T], event_for_change: Callable[[T | None, T], EventEnvelope[Any] | None]
) -> ToEvent:
    """Return the relay's ``to_event``: it parses the rows and calls ``event_for_change``."""

    def to_event(before: Row | None, after: Row) -> EventEnvelope[Any] | None:
        return event_for_change(parse(before) if before else None, parse(after))

    return to_event


def make_relay(to_event: ToEvent, publisher: Publisher) -> Relay:
    """Make a function's relay. It dead-letters to the queue of DEAD_LETTER_QUEUE_URL."""
    return Relay(
        to_event=to_event,
        publisher=publisher,
        dead_letters=make_dead_letter_queue(),
    )


def relay_batch(relay: Relay, event: Mapping[str, Any]) -> dict[str, Any]:
    """Relay the stream's batch in ``event``; return the response with the first failed record."""
    outcome = relay.relay(event["Records"])
    log(
        "outbox_relayed",
        published=outcome.processed,
        dead_lettered=outcome.dead_lettered,
        rejected=len(outcome.failed),
    )
    return outcome.response
