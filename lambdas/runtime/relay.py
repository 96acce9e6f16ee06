"""The outbox relay: from the stream of a table to the bus or to a topic."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Fact
from lambdas.runtime.bus import Bus
from lambdas.runtime.items import from_item
from lambdas.runtime.topic import Topic

Row = Mapping[str, Any]
Tell = Callable[[Row | None, Row], Fact[Any] | None]
"""What a change from one row (None for a new one) to another tells; None when it tells nothing."""

POISON = (ContractError, KeyError, TypeError, ValueError)
"""What a row raises that is not what its service writes; it would raise it again for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many facts were taken, how many records were parked, and which are to come again."""

    told: int
    parked: int
    failed: Sequence[str]

    @property
    def response(self) -> dict[str, Any]:
        """The function's answer: the stream comes back with the first failed record and all after.

        https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
        """
        return {"batchItemFailures": [{"itemIdentifier": name} for name in self.failed[:1]]}


class Relay:
    """Publishes what the changes of a table tell, and parks, whole, what tells nothing sensible."""

    def __init__(self, *, tell: Tell, to: Bus | Topic, parking_queue: str, sqs: Any) -> None:
        """``parking_queue`` is a queue's URL, ``sqs`` boto3's client."""
        self._tell = tell
        self._to = to
        self._parking_queue = parking_queue
        self._sqs = sqs

    def relay(self, records: Sequence[Mapping[str, Any]]) -> Outcome:
        """Relay a batch of the stream's records.

        A fact that is not taken is reported as failed; told twice, it has the same id. Poison
        behind it comes again with it, and is parked then: parked twice, it would be there twice.
        """
        numbers: dict[str, str] = {}
        facts: list[Fact[Any]] = []
        poison: dict[str, Exception] = {}
        for record in records:
            number = _number(record)
            try:
                fact = self._told_by(record)
            except POISON as error:
                poison[number] = error
                continue
            if fact is not None:
                facts.append(fact)
                numbers[fact.metadata.event_id] = number
        rejected = self._to.publish(facts)
        failed = [numbers[fact.metadata.event_id] for fact in rejected]
        parked = 0
        for record in takewhile(lambda record: _number(record) not in failed, records):
            if (number := _number(record)) in poison:
                self._park(record, poison[number])
                parked += 1
        return Outcome(told=len(facts) - len(rejected), parked=parked, failed=failed)

    def _told_by(self, record: Mapping[str, Any]) -> Fact[Any] | None:
        change = record["dynamodb"]
        before = from_item(change["OldImage"]) if "OldImage" in change else None
        return self._tell(before, from_item(change["NewImage"]))

    def _park(self, record: Mapping[str, Any], error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        self._sqs.send_message(
            QueueUrl=self._parking_queue,
            MessageBody=json.dumps({"reason": reason, "record": record}, default=str),
        )


def _number(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])
