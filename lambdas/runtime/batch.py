"""The outcome of a batch of messages or records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class PoisonEventsError(Exception):
    """Some events of a call cannot be handled until a person has acted; all others were.

    ``reasons`` has the reason of each, by the event's id.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__("; ".join(reasons.values()))
        self.reasons = reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome:
    """The outcome of a batch: how many were processed or dead-lettered, and which failed."""

    processed: int
    """How many messages or records were processed; a relay counts the published events."""
    dead_lettered: int
    """How many were dead-lettered."""
    failed: Sequence[str]
    """The ids of those that are to be delivered again."""

    @property
    def counts(self) -> dict[str, int]:
        """The fields of the consumer's log line."""
        return {
            "processed": self.processed,
            "dead_lettered": self.dead_lettered,
            "failed": len(self.failed),
        }

    @property
    def response(self) -> dict[str, Any]:
        """The function's response, a partial batch failure.

        A queue delivers exactly the failed messages again. A stream delivers all records again from
        the first failed one on.
        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
        https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
        https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
        """
        return {"batchItemFailures": [{"itemIdentifier": name} for name in self.failed]}
