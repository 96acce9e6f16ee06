"""The inbox: from a FIFO queue to what a service does with the facts that come in."""

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

        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
        """
        return {"batchItemFailures": [{"itemIdentifier": name} for name in self.failed]}


class Inbox(Generic[E]):
    """Hands a batch's facts on, in the order of their groups.

    A message that is no fact we know is parked, whole and with its reason, and those behind it
    flow. Where acting on a fact fails, it and all that follow in its group come again: a group's
    order is kept, and the other groups go on.
    """

    def __init__(
        self,
        *,
        hear: Callable[[str], Fact[E]],
        act: Callable[[Sequence[Fact[E]]], object],
        parking_queue: str,
        sqs: Any,
        at_once: bool = False,
    ) -> None:
        """``hear`` reads a body or raises ContractError; ``act`` must bear being repeated.

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
            groups.setdefault(record["attributes"]["MessageGroupId"], []).append(record)
        heard: set[str] = set()
        parked: set[str] = set()
        for name, group in groups.items():
            try:
                self._receive_group(group, heard, parked)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other groups go on
                log("group failed", group=name, error=f"{type(error).__name__}: {error}")
        ids = [record["messageId"] for group in groups.values() for record in group]
        return Outcome(
            heard=len(heard),
            parked=len(parked),
            failed=[id_ for id_ in ids if id_ not in heard | parked],
        )

    def _receive_group(self, group: Sequence[Record], heard: set[str], parked: set[str]) -> None:
        """Deal with a group's messages, and note the ids of those that are dealt with."""
        facts: dict[str, Fact[E]] = {}
        for record in group:
            try:
                facts[record["messageId"]] = self._hear(record["body"])
            except ContractError as reason:
                self._park(record, str(reason))
                parked.add(record["messageId"])
        steps = [list(facts)] if self._at_once else [[id_] for id_ in facts]
        for step in filter(None, steps):
            self._act([facts[id_] for id_ in step])
            heard.update(step)

    def _park(self, record: Record, reason: str) -> None:
        """Park the message as it came, so that a redrive puts it back as it came."""
        attributes = record["attributes"]
        self._sqs.send_message(
            QueueUrl=self._parking_queue,
            MessageBody=record["body"],
            MessageGroupId=attributes["MessageGroupId"],
            # The same as long as SQS remembers it: parked again after a crash, it is there once.
            MessageDeduplicationId=attributes["MessageDeduplicationId"],
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason}},
        )
