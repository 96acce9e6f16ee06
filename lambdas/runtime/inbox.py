"""The inbox: from a FIFO queue or a stream to what a service does with the facts that come in."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Event, Fact
from lambdas.runtime.log import log

E = TypeVar("E", bound=Event)
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many messages were heard, how many were parked, and which are to come again."""

    heard: int
    parked: int
    failed: Sequence[str]

    @property
    def response(self) -> dict[str, Any]:
        """The function's answer: only these messages come back.

        Of a stream, all come back from the first of them on.
        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
        https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
        """
        return {"batchItemFailures": [{"itemIdentifier": name} for name in self.failed]}


class Inbox(Generic[E]):
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
        hear: Callable[[Any], Fact[E] | None],
        act: Callable[[Sequence[Fact[E]]], object],
        parking_queue: str,
        sqs: Any,
        at_once: bool = False,
    ) -> None:
        """``hear`` reads a body or raises ContractError; ``act`` must bear being repeated.

        A body of which ``hear`` makes nothing tells what does not matter here, and is passed over.

        It gets facts one by one, or, ``at_once``, all that a batch has of a group, in order.
        ``parking_queue`` is a FIFO queue's URL, ``sqs`` boto3's client.
        """
        self._hear = hear
        self._act = act
        self._parking_queue = parking_queue
        self._sqs = sqs
        self._at_once = at_once

    def receive(self, records: Sequence[Record]) -> Outcome:
        """Receive a batch of the queue's messages."""
        groups: dict[str, list[Record]] = {}
        for record in records:
            groups.setdefault(self._group(record), []).append(record)
        heard: set[str] = set()
        poison: dict[str, str] = {}
        for name, group in groups.items():
            try:
                self._receive_group(group, heard, poison)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other groups go on
                log("group failed", group=name, error=f"{type(error).__name__}: {error}")
        parked = 0
        failed: list[str] = []
        for record in records:
            id_ = self._id(record)
            if id_ in heard:
                continue
            comes_anyway = self._rewinds and failed
            if id_ in poison and not comes_anyway and self._parked(record, poison[id_]):
                parked += 1
            else:
                failed.append(id_)
        return Outcome(heard=len(heard), parked=parked, failed=failed)

    def _receive_group(
        self, group: Sequence[Record], heard: set[str], poison: dict[str, str]
    ) -> None:
        """Act on a group's facts; note the ids of what is dealt with, and the reasons of poison."""
        facts: dict[str, Fact[E]] = {}
        for record in group:
            id_ = self._id(record)
            try:
                fact = self._hear(self._body(record))
            except ContractError as reason:
                poison[id_] = str(reason)
                continue
            if fact is None:
                heard.add(id_)
            else:
                facts[id_] = fact
        steps = [list(facts)] if self._at_once else [[id_] for id_ in facts]
        for step in filter(None, steps):
            self._act([facts[id_] for id_ in step])
            heard.update(step)

    def _parked(self, record: Record, reason: str) -> bool:
        """Park a message; tell whether that went well."""
        try:
            self._park(record, reason)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the message comes again
            log("not parked", id=self._id(record), error=f"{type(error).__name__}: {error}")
            return False
        return True

    def _group(self, record: Record) -> str:
        return str(record["attributes"]["MessageGroupId"])

    def _id(self, record: Record) -> str:
        return str(record["messageId"])

    def _body(self, record: Record) -> Any:
        return record["body"]

    def _park(self, record: Record, reason: str) -> None:
        """Park the message as it came, so that a redrive puts it back as it came.

        Its attributes may tell how often that was before, and why.
        """
        attributes = record["attributes"]
        self._sqs.send_message(
            QueueUrl=self._parking_queue,
            MessageBody=record["body"],
            MessageGroupId=attributes["MessageGroupId"],
            # The same as long as SQS remembers it: parked again after a crash, it is there once.
            MessageDeduplicationId=attributes["MessageDeduplicationId"],
            MessageAttributes={
                **_attributes(record),
                "reason": {"DataType": "String", "StringValue": reason},
            },
        )


class StreamInbox(Inbox[E]):
    """The same for a Kinesis stream, where a group is a partition key.

    The parking queue is a standard one: a stream has no place into which a record could be put
    back, so nothing is lost with its order.
    """

    _rewinds = True

    def __init__(
        self,
        *,
        hear: Callable[[bytes], Fact[E] | None],
        act: Callable[[Sequence[Fact[E]]], object],
        parking_queue: str,
        sqs: Any,
        together: bool = False,
    ) -> None:
        """``act`` gets what a batch has of a key at once, or, ``together``, of all keys."""
        super().__init__(hear=hear, act=act, parking_queue=parking_queue, sqs=sqs, at_once=True)
        self._together = together

    def _group(self, record: Record) -> str:
        return "" if self._together else str(record["kinesis"]["partitionKey"])

    def _id(self, record: Record) -> str:
        return str(record["kinesis"]["sequenceNumber"])

    def _body(self, record: Record) -> bytes:
        return base64.b64decode(record["kinesis"]["data"])

    def _park(self, record: Record, reason: str) -> None:
        self._sqs.send_message(
            QueueUrl=self._parking_queue,
            MessageBody=json.dumps({"reason": reason, "record": record}),
        )


def _attributes(record: Record) -> dict[str, Any]:
    """A record's message attributes that are texts, as SQS takes them."""
    return {
        name: {"DataType": value["dataType"], "StringValue": value["stringValue"]}
        for name, value in record.get("messageAttributes", {}).items()
        if "stringValue" in value
    }
