"""What views are made of afresh: all that was told of orders, or what inventory has in stock.

Each gives what it has in no order that could be relied upon, and some of it twice.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lambdas.runtime.dynamodb import from_item
from ops.deployed import Deployed
from ops.views.compare import PAGE, DynamoTable
from ops.views.event_readers import MAX_EMPTY_RECEIVES, OrderStreamReader, ReplayReader

MAX_WORKERS = 8
"""So many batches are taken from a replay, or written of a page of rows, at a time."""

WriteBodies = Callable[[Sequence[Any]], None]
"""Writes what these bodies tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildContext:
    """What is to be rebuilt, into which table, and how."""

    deployed: Deployed
    name: str
    """Of the rebuild, new with each."""
    began: datetime
    overlap: timedelta
    """So much of the latest past is taken from the stream as well."""
    idle: DynamoTable
    write: WriteBodies


class RebuildSource:
    """Has the past first, and then what came since; what it lacks of that, it need not do."""

    def start(self) -> None:
        """Prepare the past; raises OperationError if it cannot be had now."""

    def backfill(self) -> Iterator[str]:
        """Write all there was; yields, now and then, how much that was so far."""
        raise NotImplementedError

    def stop(self) -> None:
        """End what was started, wherever it is."""

    def refresh(self) -> None:
        """Write what the past has become meanwhile."""

    def follow(self) -> int:
        """Write a little of what came since; how many milliseconds are left to its end."""
        return 0


class OrderEventSource(RebuildSource):
    """What was told of orders: the archive first, and then the order stream."""

    def __init__(self, context: RebuildContext) -> None:
        self._context = context
        self._backbone = context.deployed.outputs("Backbone")
        self._replay = ReplayReader(
            context.deployed.client("events"),
            context.deployed.client("sqs"),
            backbone=self._backbone,
        )
        self._stream: OrderStreamReader | None = None

    def start(self) -> None:
        """Begin the replay; refused while another one is under way."""
        self._replay.start(self._context.name, now=self._context.began)

    def backfill(self) -> Iterator[str]:
        """The replay."""
        for messages in drain(self._replay, self._context.write):
            yield f"replayed: {messages:,} events"

    def stop(self) -> None:
        """Cancel the replay, if it has not ended."""
        self._replay.cancel()

    def follow(self) -> int:
        """Read once from each shard of the stream."""
        if self._stream is None:
            self._stream = OrderStreamReader(
                self._context.deployed.client("kinesis"),
                self._backbone["OrderStreamName"],
                since=self._context.began - self._context.overlap,
            )
        return follow(self._stream, self._context.write)


class StockSource(RebuildSource):
    """Inventory's rows of stock: each is its own outbox, and so tells the latest of its SKU."""

    def __init__(self, context: RebuildContext) -> None:
        self._context = context
        self._dynamodb = context.deployed.client("dynamodb")
        self._table = context.deployed.outputs("Inventory")["StockTable"]
        self._next = 0.0

    def backfill(self) -> Iterator[str]:
        """All rows."""
        count = 0
        for rows in self._pages():
            self._write(rows)
            count += len(rows)
            yield f"read: {count:,} rows"

    def refresh(self) -> None:
        """Write the rows that have changed; not more than once a second."""
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


def drain(replay: ReplayReader, write: WriteBodies, *, workers: int = MAX_WORKERS) -> Iterator[int]:
    """Write all that a replay brings; yields, now and then, how many messages that was so far.

    Most of what it brings concerns others.
    """

    def work(_: int) -> int:
        messages = replay.receive()
        write([message["Body"] for message in messages])
        replay.delete(messages)
        return len(messages)

    messages = silent = 0
    with ThreadPoolExecutor(workers) as pool:
        while silent < MAX_EMPTY_RECEIVES:
            over = replay.is_complete
            came = sum(pool.map(work, range(workers)))
            messages += came
            silent = silent + 1 if over and not came else 0
            yield messages


def follow(stream: OrderStreamReader, write: WriteBodies) -> int:
    """Write what came into the stream; how many milliseconds are left to its end."""
    behind = 0
    for records, late in stream.read():
        write(records)
        behind = max(behind, late)
    return behind
