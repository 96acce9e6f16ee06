"""Consuming events in batches, from a FIFO queue or a stream."""

import base64
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.runtime.batch import BatchOutcome, PoisonEventsError
from lambdas.runtime.dead_letters import DeadLetterQueue, Record
from lambdas.runtime.log import log_error

E = TypeVar("E", bound=Event)


class BatchConsumer(Generic[E]):
    """Handles the events in a batch of messages. Each group's messages are handled in order.

    A message that cannot be parsed is dead-lettered, and the messages after it are handled; so is
    one that ``handle`` names in a PoisonEventsError. If handling an event fails otherwise, its
    message and all later ones of its group are delivered again; other groups are not affected.
    Messages are dead-lettered at the end, when it is known which ones are delivered again: of
    those, poison messages are dead-lettered only when they come again, so that each is in the queue
    once.
    """

    _rewinds = False
    """Whether all messages behind a failed one are delivered again, processed or not."""

    def __init__(
        self,
        *,
        parse: Callable[[Any], EventEnvelope[E] | None],
        handle: Callable[[Sequence[EventEnvelope[E]]], object],
        dead_letters: DeadLetterQueue,
        by_group: bool = False,
    ) -> None:
        """Keep the functions that parse and handle, and the queue for poison messages.

        Args:
            parse: Parses a body. It raises ContractError for a poison message, and returns None for
                one that is to be skipped.
            handle: Handles events; it must be idempotent.
            dead_letters: A FIFO queue.
            by_group: Whether ``handle`` gets all events of a group at once instead of one by one.
        """
        self._parse = parse
        self._handle = handle
        self._dead_letters = dead_letters
        self._by_group = by_group

    def process(self, records: Sequence[Record]) -> BatchOutcome:
        """Parse and handle a batch of messages; return which of them failed."""
        groups: dict[str, list[Record]] = {}
        for record in records:
            groups.setdefault(self._group(record), []).append(record)
        processed: set[str] = set()
        poison: dict[str, str] = {}
        for group in groups.values():
            self._process_group(group, processed, poison)
        dead_lettered = 0
        failed: list[str] = []
        for record in records:
            id_ = self._id(record)
            if id_ in processed:
                continue
            is_redelivered_anyway = self._rewinds and failed
            if (
                id_ in poison
                and not is_redelivered_anyway
                and self._try_dead_letter(record, poison[id_])
            ):
                dead_lettered += 1
            else:
                failed.append(id_)
        return BatchOutcome(processed=len(processed), dead_lettered=dead_lettered, failed=failed)

    def _process_group(
        self, group: Sequence[Record], processed: set[str], poison: dict[str, str]
    ) -> None:
        """Handle a group's events, until one fails.

        Add processed ids to ``processed`` and poison ones to ``poison``.
        """
        events: dict[str, EventEnvelope[E]] = {}
        for record in group:
            id_ = self._id(record)
            try:
                event = self._parse(self._body(record))
            except ContractError as reason:
                poison[id_] = str(reason)
                continue
            except Exception as error:  # noqa: BLE001 -- no I/O: whatever it is, it comes again
                poison[id_] = f"{type(error).__name__}: {error}"
                continue
            if event is None:
                processed.add(id_)
            else:
                events[id_] = event
        calls = [list(events)] if self._by_group else [[id_] for id_ in events]
        for call in filter(None, calls):
            batch = [events[id_] for id_ in call]
            try:
                self._handle(batch)
            except PoisonEventsError as error:
                named = {id_: error.reasons.get(events[id_].metadata.event_id) for id_ in call}
                poison |= {id_: reason for id_, reason in named.items() if reason}
                processed.update(id_ for id_, reason in named.items() if not reason)
                continue
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other groups go on
                log_error(
                    "group_failed",
                    group=self._group(group[0]),
                    correlation_ids=sorted({event.metadata.correlation_id for event in batch}),
                    error=f"{type(error).__name__}: {error}",
                )
                return
            processed.update(call)

    def _try_dead_letter(self, record: Record, reason: str) -> bool:
        """Dead-letter a message; return False if that failed."""
        try:
            self._dead_letter(record, reason)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the message comes again
            log_error(
                "dead_letter_failed",
                id=self._id(record),
                error=f"{type(error).__name__}: {error}",
            )
            return False
        return True

    def _group(self, record: Record) -> str:
        return str(record["attributes"]["MessageGroupId"])

    def _id(self, record: Record) -> str:
        return str(record["messageId"])

    def _body(self, record: Record) -> Any:
        return record["body"]

    def _dead_letter(self, record: Record, reason: str) -> None:
        self._dead_letters.send_message(record, reason=reason)


class StreamConsumer(BatchConsumer[E]):
    """A consumer of a Kinesis stream, where a group is a partition key.

    Its dead-letter queue is a standard one.
    """

    _rewinds = True

    def __init__(
        self,
        *,
        parse: Callable[[bytes], EventEnvelope[E] | None],
        handle: Callable[[Sequence[EventEnvelope[E]]], object],
        dead_letters: DeadLetterQueue,
        whole_batch: bool = False,
    ) -> None:
        """``handle`` is called for each partition key, or with ``whole_batch`` once for all."""
        super().__init__(
            parse=parse,
            handle=handle,
            dead_letters=dead_letters,
            by_group=True,
        )
        self._whole_batch = whole_batch

    def _group(self, record: Record) -> str:
        return "" if self._whole_batch else str(record["kinesis"]["partitionKey"])

    def _id(self, record: Record) -> str:
        return str(record["kinesis"]["sequenceNumber"])

    def _body(self, record: Record) -> bytes:
        return base64.b64decode(record["kinesis"]["data"])

    def _dead_letter(self, record: Record, reason: str) -> None:
        self._dead_letters.send_record(record, reason=reason)
