"""The sources from which views are rebuilt: events of orders, or a service's table.

Both deliver events in any order, and some of them twice.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lambdas.runtime.dynamodb import from_item
from ops.deployed import Deployed
from ops.replay.archive import Replay
from ops.views.compare import PAGE, DynamoTable
from ops.views.event_readers import (
    MAX_EMPTY_RECEIVES,
    OrderStreamReader,
    ReplayQueue,
    replay_all,
)

MAX_WORKERS = 8
"""How many batches of a replay, or of a page of rows, are written at a time."""

WriteBodies = Callable[[Sequence[Any]], None]
"""Writes the events in these bodies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildContext:
    """The settings of one rebuild, and the table that it writes."""

    deployed: Deployed
    name: str
    """The rebuild's name, which is unique."""
    began: datetime
    overlap: timedelta
    """How much of the latest past is read from the stream as well."""
    idle: DynamoTable
    """The table that is not live, of the first view; those made of a table have no second one."""
    write: WriteBodies


class RebuildSource:
    """Writes past events first, then those that happened since.

    Subclasses override what they need.
    """

    def start(self) -> None:
        """Prepare the backfill.

        Raises:
            OperationError: a backfill is not possible now.
        """

    def backfill(self) -> Iterator[str]:
        """Write the past events; yield the progress now and then."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop the backfill, even if it is not complete."""

    def refresh(self) -> None:
        """Write those past entries again that have changed meanwhile."""

    @property
    def is_due(self) -> bool:
        """Whether `follow` would not have to wait."""
        return True

    def follow(self) -> int:
        """Write some of the new events; return how many milliseconds of events are left."""
        return 0


class OrderEventSource(RebuildSource):
    """Events of orders: first from the archive, then from the order stream."""

    def __init__(self, context: RebuildContext) -> None:
        self._context = context
        self._backbone = context.deployed.outputs("Backbone")
        self._queue = ReplayQueue(context.deployed.client("sqs"), self._backbone["ReplayQueueUrl"])
        self._replay: Replay | None = None
        self._stream: OrderStreamReader | None = None

    def start(self) -> None:
        """Start the replay. Raises OperationError if another one is running."""
        events = self._context.deployed.client("events")
        self._replay = replay_all(
            events, self._backbone, self._context.name, until=self._context.began
        )

    def backfill(self) -> Iterator[str]:
        """Write the events of the replay that was started."""
        assert self._replay is not None  # noqa: S101
        for messages in drain(self._queue, self._replay, self._context.write):
            yield f"replayed: {messages:,} events"

    def stop(self) -> None:
        """Cancel the replay, if it was started and has not ended."""
        if self._replay is not None:
            self._replay.cancel()

    @property
    def is_due(self) -> bool:
        """Whether a second has passed since the stream was read."""
        return self._stream is None or self._stream.is_due

    def follow(self) -> int:
        """Read once from each shard of the stream."""
        if self._stream is None:
            self._stream = OrderStreamReader(
                self._context.deployed.client("kinesis"),
                self._backbone["OrderStreamName"],
                since=self._context.began - self._context.overlap,
            )
        return follow(self._stream, self._context.write)


class TableSource(RebuildSource):
    """A service's table of SKUs. Each row is its own outbox: it has the SKU's latest event."""

    def __init__(self, context: RebuildContext, *, service: str, output: str) -> None:
        """``output`` is the output of the service's stack that has the table's name."""
        self._context = context
        self._dynamodb = context.deployed.client("dynamodb")
        self._table = context.deployed.outputs(service)[output]
        self._next = 0.0

    def backfill(self) -> Iterator[str]:
        """Write the rows of the service's table into the view; yield the progress now and then."""
        count = 0
        for rows in self._pages():
            self._write(rows)
            count += len(rows)
            yield f"read: {count:,} rows"

    def refresh(self) -> None:
        """Write the rows that have changed, once a second at most."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + 1
        for rows in self._pages():
            there = self._context.idle.batch_get([(row["sku"],) for row in rows])
            known = {sku: shown["sequence"] for (sku,), shown in there.items()}
            self._write([row for row in rows if known.get(row["sku"]) != row.get("sequence")])

    def _pages(self) -> Iterator[list[Mapping[str, Any]]]:
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table, ConsistentRead=True, PaginationConfig={"PageSize": PAGE}
        )
        for page in pages:
            yield [from_item(item) for item in page["Items"]]

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        with ThreadPoolExecutor(MAX_WORKERS) as pool:
            list(
                pool.map(
                    self._context.write, (rows[each::MAX_WORKERS] for each in range(MAX_WORKERS))
                )
            )


def drain(
    queue: ReplayQueue, replay: Replay, write: WriteBodies, *, workers: int = MAX_WORKERS
) -> Iterator[int]:
    """Write the events of a replay; yield the number of messages received so far.

    It counts all messages, also those of events that the view ignores.
    """

    def work(_: int) -> int:
        messages = queue.receive()
        write([message["Body"] for message in messages])
        queue.delete(messages)
        return len(messages)

    messages = silent = 0
    with ThreadPoolExecutor(workers) as pool:
        while silent < MAX_EMPTY_RECEIVES:
            complete = replay.is_complete
            received = sum(pool.map(work, range(workers)))
            messages += received
            silent = silent + 1 if complete and not received else 0
            yield messages


def follow(stream: OrderStreamReader, write: WriteBodies) -> int:
    """Read the stream once and write the events; return how many milliseconds are left."""
    behind = 0
    for records, late in stream.read():
        write(records)
        behind = max(behind, late)
    return behind
