"""The inbox: from a FIFO queue or a stream to what a service does with the facts that come in."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.runtime.log import log

E = TypeVar("E", bound=Event)
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome:
    """How many messages were heard, how many were parked, and which are to come again."""

    processed: int
    dead_lettered: int
    failed: Sequence[str]

    @property
    def response(self) -> dict[str, Any]:
        """The function's answer: only these messages come back.

        Of a stream, all come back from the first of them on.
        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
        https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
        """
        return {"batchItemFailures": [{"itemIdentifier": name} for name in self.failed]}


class BatchConsumer(Generic[E]):
    """Hands a batch's facts on, in the order of their groups.

    A message that is no fact we know is parked, whole and with its reason, and those behind it
    flow. Where acting on a fact fails, it and all that follow in its group come again: a group's
    order is kept, and the other groups go on. Parking comes last, when it is known what comes
    again: what does anyway is left for then, so that it is parked once.
    """

    _rewinds = False
    """Whether all that is behind a failed message comes again with it, dealt with or not."""

    def __init__(
        self,
        *,
        parse: Callable[[Any], EventEnvelope[E] | None],
        handle: Callable[[Sequence[EventEnvelope[E]]], object],
        dead_letter_queue_url: str,
        sqs: Any,
        by_group: bool = False,
    ) -> None:
        """``parse`` reads a body or raises ContractError; ``handle`` must bear being repeated.

        A body of which ``parse`` makes nothing tells what does not matter here, and is passed over.

        It gets facts one by one, or, ``by_group``, all that a batch has of a group, in order.
        ``dead_letter_queue_url`` is a FIFO queue's URL, ``sqs`` boto3's client.
        """
        self._parse = parse
        self._handle = handle
        self._dead_letter_queue_url = dead_letter_queue_url
        self._sqs = sqs
        self._by_group = by_group

    def process(self, records: Sequence[Record]) -> BatchOutcome:
        """Receive a batch of the queue's messages."""
        groups: dict[str, list[Record]] = {}
        for record in records:
            groups.setdefault(self._group(record), []).append(record)
        processed: set[str] = set()
        poison: dict[str, str] = {}
        for name, group in groups.items():
            try:
                self._process_group(group, processed, poison)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other groups go on
                log("group_failed", group=name, error=f"{type(error).__name__}: {error}")
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
        """Act on a group's facts; note the ids of what is dealt with, and the reasons of poison."""
        events: dict[str, EventEnvelope[E]] = {}
        for record in group:
            id_ = self._id(record)
            try:
                event = self._parse(self._body(record))
            except ContractError as reason:
                poison[id_] = str(reason)
                continue
            if event is None:
                processed.add(id_)
            else:
                events[id_] = event
        calls = [list(events)] if self._by_group else [[id_] for id_ in events]
        for call in filter(None, calls):
            self._handle([events[id_] for id_ in call])
            processed.update(call)

    def _try_dead_letter(self, record: Record, reason: str) -> bool:
        """Park a message; tell whether that went well."""
        try:
            self._dead_letter(record, reason)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the message comes again
            log("dead_letter_failed", id=self._id(record), error=f"{type(error).__name__}: {error}")
            return False
        return True

    def _group(self, record: Record) -> str:
        return str(record["attributes"]["MessageGroupId"])

    def _id(self, record: Record) -> str:
        return str(record["messageId"])

    def _body(self, record: Record) -> Any:
        return record["body"]

    def _dead_letter(self, record: Record, reason: str) -> None:
        """Park the message as it came, so that a redrive puts it back as it came.

        Its attributes may tell how often that was before, and why.
        """
        attributes = record["attributes"]
        self._sqs.send_message(
            QueueUrl=self._dead_letter_queue_url,
            MessageBody=record["body"],
            MessageGroupId=attributes["MessageGroupId"],
            # The same as long as SQS remembers it: parked again after a crash, it is there once.
            MessageDeduplicationId=attributes["MessageDeduplicationId"],
            MessageAttributes={
                **_attributes(record),
                "reason": {"DataType": "String", "StringValue": reason},
            },
        )


class StreamConsumer(BatchConsumer[E]):
    """The same for a Kinesis stream, where a group is a partition key.

    The parking queue is a standard one: a stream has no place into which a record could be put
    back, so nothing is lost with its order.
    """

    _rewinds = True

    def __init__(
        self,
        *,
        parse: Callable[[bytes], EventEnvelope[E] | None],
        handle: Callable[[Sequence[EventEnvelope[E]]], object],
        dead_letter_queue_url: str,
        sqs: Any,
        whole_batch: bool = False,
    ) -> None:
        """``handle`` gets what a batch has of a key at once, or, ``whole_batch``, of all keys."""
        super().__init__(
            parse=parse,
            handle=handle,
            dead_letter_queue_url=dead_letter_queue_url,
            sqs=sqs,
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
        self._sqs.send_message(
            QueueUrl=self._dead_letter_queue_url,
            MessageBody=json.dumps({"reason": reason, "record": record}),
        )


def _attributes(record: Record) -> dict[str, Any]:
    """A record's message attributes that are texts, as SQS takes them."""
    return {
        name: {"DataType": value["dataType"], "StringValue": value["stringValue"]}
        for name, value in record.get("messageAttributes", {}).items()
        if "stringValue" in value
    }
