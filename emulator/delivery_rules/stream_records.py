"""The data of a stream mapping: its settings, records, batches and tumbling windows."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A mapping's settings. Times are in seconds; -1 means no limit."""

    batch_size: int = 100
    batching_window: float = 0
    lanes: int = 1
    """ParallelizationFactor: the number of batches of a shard that are processed at once."""
    retries: int = -1
    age: float = -1
    """The age at which a record is discarded."""
    bisect: bool = False
    reports: bool = False
    """Whether the function's response names the records that failed."""
    tumbling_window: float = 0
    delay_scale: float = 1
    """The part of each delay between attempts that is really waited."""

    @classmethod
    def of(cls, mapping: Mapping[str, Any], *, delay_scale: float) -> "Settings":
        """Return the settings of a mapping in Lambda's API or in a template.

        https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
        """
        return cls(
            batch_size=int(mapping.get("BatchSize", 100)),
            batching_window=float(mapping.get("MaximumBatchingWindowInSeconds", 0)),
            lanes=int(mapping.get("ParallelizationFactor", 1)),
            retries=int(mapping.get("MaximumRetryAttempts", -1)),
            age=float(mapping.get("MaximumRecordAgeInSeconds", -1)),
            bisect=bool(mapping.get("BisectBatchOnFunctionError", False)),
            reports="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", ()),
            tumbling_window=float(mapping.get("TumblingWindowInSeconds", 0)),
            delay_scale=delay_scale,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record of the shard."""

    position: int
    sequence: str
    key: str
    arrived: float
    wanted: bool = True
    """Whether it passes the mapping's filter; otherwise it counts as processed."""
    body: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The tumbling window that an invocation's records belong to."""

    start: float
    end: float
    state: Any
    final: bool = False
    early: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The records of one invocation."""

    lane: int
    records: tuple[Record, ...]
    failures: int = 0
    """How often they have failed together."""
    error: bool = False
    """Whether the last failure was an error, not a partial response."""
    window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardedBatch:
    """Records that were given up. An invocation record goes to the failure destination."""

    records: tuple[Record, ...]
    condition: Condition
    invocations: int
    error: bool


def start(position: str, arrivals: Sequence[float], timestamp: float = 0) -> int:
    """Return the position in a shard at which a new mapping starts to read.

    ``position`` is TRIM_HORIZON, LATEST or AT_TIMESTAMP.
    """
    if position == "AT_TIMESTAMP":
        return bisect_left(arrivals, timestamp)
    return len(arrivals) if position == "LATEST" else 0
