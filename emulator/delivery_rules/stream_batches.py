"""The mapping of one shard: which records are invoked, retried, split and discarded, and when.

Lambda reads a shard in order and invokes the function with batches of its records. A batch that
fails is retried, and blocks the records behind it, until it succeeds, is too old, or has no retries
left. https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html

AWS does not document some cases. Here, a retry waits one second, then twice as long each time, a
minute at most; the parts of a split batch do not wait. If a partial batch failure names the first
record, no record has been processed, so the batch is halved. The size of a batch in bytes is not
limited.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

from emulator.delivery_rules.batch_item_failures import failed_identifiers
from emulator.delivery_rules.stream_records import (
    Batch,
    Condition,
    DiscardedBatch,
    Record,
    Settings,
    Window,
)

_LONGEST_DELAY = 60.0
_LARGEST_STATE = 1024 * 1024


@dataclass(slots=True)
class _Lane:
    waiting: deque[Record] = field(default_factory=deque)
    since: float = 0  # when the gathering of the next batch began
    again: deque[Batch] = field(default_factory=deque)  # to be retried before the waiting records
    running: Batch | None = None
    not_before: float = 0
    delays: int = 0
    window: Window | None = None


class Shard:
    """The state of one shard. Its methods record what happened, and return what to do next.

    Records of one partition key stay in order: they share a lane, and a lane runs one batch at a
    time. A restart from `checkpoint` repeats records and loses none.
    """

    def __init__(self, settings: Settings, position: int = 0) -> None:
        self.settings = settings
        self._lanes = [_Lane() for _ in range(settings.lanes)]
        self._unfinished: dict[int, None] = {}
        self._end = position
        self._discarded: list[DiscardedBatch] = []
        self._closed = False

    @property
    def checkpoint(self) -> int:
        """The position before which everything is processed or discarded."""
        return next(iter(self._unfinished), self._end)

    @property
    def busy(self) -> bool:
        """Whether an invocation is running."""
        return any(lane.running for lane in self._lanes)

    @property
    def finished(self) -> bool:
        """Whether the shard is closed and all its records are processed or discarded."""
        return self._closed and not self._unfinished and not any(x.window for x in self._lanes)

    @property
    def capacity(self) -> int:
        """The number of records that may be read now."""
        return max(0, 2 * self.settings.batch_size * len(self._lanes) - len(self._unfinished))

    def add_records(self, records: Iterable[Record], now: float) -> None:
        """Add the shard's next records, in order."""
        for record in records:
            self._end = record.position + 1
            if record.wanted:
                self._unfinished[record.position] = None
                lane = self._lanes[crc32(record.key.encode()) % len(self._lanes)]
                if not lane.waiting:
                    lane.since = now
                lane.waiting.append(record)

    def close(self) -> None:
        """Record that the shard was split or merged, so that no more records will come."""
        self._closed = True

    def due(self, now: float) -> tuple[list[Batch], list[DiscardedBatch]]:
        """Return the batches to invoke now, and the discarded ones. The former count as running."""
        batches = [batch for n in range(len(self._lanes)) if (batch := self._next(n, now))]
        discarded, self._discarded = self._discarded, []
        return batches, discarded

    def next_due(self) -> float:
        """Return when to call `due` again, unless something happens before."""
        return min(map(self._lane_due, self._lanes))

    def complete(
        self,
        batch: Batch,
        now: float,
        *,
        answer: Any = None,
        error: bool = False,
        throttled: bool = False,
    ) -> None:
        """Record the outcome of a running batch: a response, an error, or a throttle."""
        lane = self._lanes[batch.lane]
        lane.running = None
        if throttled:
            self._retry_later(lane, batch, now)
            return
        state = answer.get("state") if isinstance(answer, dict) else None
        failed = error or (batch.window is not None and state is None)
        done = 0 if failed else self._done(batch, answer)
        complete = not failed and done == len(batch.records)
        if complete or done:
            lane.delays = 0
            self._finish(batch.records[:done])
            if batch.window:
                early = len(repr(state)) > _LARGEST_STATE
                going_on = replace(batch.window, state=state, early=early)
                lane.window = None if batch.window.final else going_on
        if not complete:
            rest = replace(batch, records=batch.records[done:], error=error)
            self._failed(lane, rest, now, progress=done > 0)

    def _done(self, batch: Batch, answer: Any) -> int:
        sequences = [record.sequence for record in batch.records]
        failed = failed_identifiers(answer, sequences) if self.settings.reports else ()
        return min(map(sequences.index, failed), default=len(sequences))

    def _failed(self, lane: _Lane, batch: Batch, now: float, *, progress: bool) -> None:
        if self.settings.bisect and (progress or len(batch.records) > 1):
            # A split does not count as a retry.
            middle = 0 if progress else len(batch.records) // 2
            for part in (batch.records[middle:], batch.records[:middle]):
                if part:
                    lane.again.appendleft(replace(batch, records=part))
            return
        failed = replace(batch, failures=batch.failures + 1)
        if batch.records and 0 <= self.settings.retries < failed.failures:
            lane.delays = 0
            self._discard(batch.records, "RetryAttemptsExhausted", failed)
        else:
            self._retry_later(lane, failed, now)

    def _retry_later(self, lane: _Lane, batch: Batch, now: float) -> None:
        lane.again.appendleft(batch)
        lane.not_before = now + self.settings.delay_scale * min(2.0**lane.delays, _LONGEST_DELAY)
        lane.delays = min(lane.delays + 1, 6)

    def _lane_due(self, lane: _Lane) -> float:
        if lane.running:
            return math.inf
        if lane.again:
            return lane.not_before
        due = math.inf
        if lane.waiting:
            full = len(lane.waiting) >= self.settings.batch_size
            window = 0 if full or self._closed else self.settings.batching_window
            due = lane.since + window
        if lane.window:
            over = self._closed or lane.window.early or _beyond(lane)
            due = min(due, 0 if over else lane.window.end)
        return due

    def _next(self, number: int, now: float) -> Batch | None:
        lane = self._lanes[number]
        while now >= self._lane_due(lane):
            batch = lane.again.popleft() if lane.again else self._gather(number, now)
            batch = self._without_old(batch, now)
            if batch.records or (lane.window and lane.window.final):
                lane.running = replace(batch, window=lane.window)
                return lane.running
        return None

    def _gather(self, number: int, now: float) -> Batch:
        lane, size = self._lanes[number], self.settings.tumbling_window
        if lane.window and (lane.window.early or not lane.waiting or _beyond(lane)):
            lane.window = replace(lane.window, final=True)
            return Batch(lane=number, records=())
        if size and not lane.window:
            begin = lane.waiting[0].arrived // size * size
            lane.window = Window(start=begin, end=begin + size, state={})
        taken: list[Record] = []
        while lane.waiting and len(taken) < self.settings.batch_size and not _beyond(lane):
            taken.append(lane.waiting.popleft())
        lane.since = now
        return Batch(lane=number, records=tuple(taken))

    def _without_old(self, batch: Batch, now: float) -> Batch:
        oldest = now - self.settings.age if self.settings.age >= 0 else -math.inf
        young = next(
            (n for n, record in enumerate(batch.records) if record.arrived >= oldest),
            len(batch.records),
        )
        if young:
            self._discard(batch.records[:young], "RecordAgeExceeded", batch)
        return replace(batch, records=batch.records[young:])

    def _discard(self, records: tuple[Record, ...], condition: Condition, batch: Batch) -> None:
        self._finish(records)
        self._discarded.append(
            DiscardedBatch(
                records=records, condition=condition, invocations=batch.failures, error=batch.error
            )
        )

    def _finish(self, records: Iterable[Record]) -> None:
        for record in records:
            del self._unfinished[record.position]


def _beyond(lane: _Lane) -> bool:
    """Return whether the lane's next record is after the end of the open window."""
    return bool(lane.window and lane.waiting and lane.waiting[0].arrived >= lane.window.end)
