"""Model one SKU that every order wants: how orders end, by the way in which units are reserved.

`python -m bench.hot_sku` prints two tables. In the model, a row of DynamoDB takes one transaction
at a time, 10 ms each; a second one at the same time conflicts. A row takes at most 500 transactions
a second: 1,000 write units; a transactional write needs two. Retries, batches and
decisions are those of the deployed code.
"""

import argparse
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from bench.hot_sku_model import Model, Result, Row
from bench.virtual_time import Process
from lambdas.contracts.inventory import ReservationState
from lambdas.contracts.values import Line
from lambdas.inventory.batch_store import BATCH_RETRY
from lambdas.inventory.batches import SeenStock, plan_batch, split_batches
from lambdas.inventory.busy_skus import BusySkus
from lambdas.inventory.domain import Reservation

SKU = "hot"
READ = WRITE = INVOKE = 0.005
"""Seconds of a read, of a write of a row that nobody else wants, and of an invocation."""
STREAM_BATCH, STREAM_WINDOW = 500, 1.0
"""Records of a batch of the stream, and seconds in which they are gathered, as in the template."""
QUEUE_BATCH = 10
"""Messages of a batch of a FIFO queue at most.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""
PROCESSES = 100
"""Environments of the function, each with what it knows of busy SKUs."""
SHIPPED_AFTER = 20.0
"""Seconds from an order's reservation until its units leave, where they do."""


class OneRow(Model):
    """Each order has a transaction of its own on the SKU's row."""

    def reserve(self, order: int) -> Process:
        """Take a unit in a transaction."""
        return (yield from self.attempts(self.row, lambda: self.take(order)))


class ShardedRows(Model):
    """The SKU has many rows. An order takes from any, and borrows before it is refused."""

    rows = 64

    def run(self) -> Result:
        """Spread the stock over the rows; return how the orders ended."""
        self._rows = [Row() for _ in range(self.rows)]
        self._units = [self.available // self.rows] * self.rows
        self._units[0] += self.available % self.rows
        return super().run()

    def reserve(self, order: int) -> Process:
        """Take a unit of one of three random rows, or of the fullest row; otherwise refuse."""
        for at in self.random.sample(range(self.rows), 3):
            if self._units[at]:
                taken = yield from self.attempts(self._rows[at], partial(self._take, at))
                if taken:
                    return self.decide(order, True)
                if taken is None:
                    return None
        yield READ
        if self._units[at := max(range(self.rows), key=self._units.__getitem__)]:
            taken = yield from self.attempts(self._rows[at], partial(self._take, at))
            return self.decide(order, True) if taken else None
        # The refusal checks all rows in one transaction, which conflicts with any other.
        return (yield from self.transact(self._rows, lambda: self.decide(order, False)))

    def _take(self, at: int) -> bool:
        if not self._units[at]:
            return False
        self._units[at] -= 1
        self.available -= 1
        self.reserved += 1
        self.note_change()
        return True


class Batches(Model):
    """The deployed design: an order that meets a conflict waits, and is decided in a batch."""

    shards, size, window = 4, STREAM_BATCH, STREAM_WINDOW
    """Shards of the stream, which are partitions of the table of reservations; its batches."""

    def run(self) -> Result:
        """Start the consumers of the stream's shards; return how the orders ended."""
        self._known = [BusySkus(lambda: self.time.now) for _ in range(PROCESSES)]
        self._stream: list[deque[Reservation]] = [deque() for _ in range(self.shards)]
        self._waiting: set[int] = set()
        for shard in self._stream:
            self.time.start(self._consume(shard), at=self.random.random() * self.window)
        return super().run()

    def reserve(self, order: int) -> Process:
        """Take a unit in a transaction, or wait for a batch."""
        if order in self._waiting:
            yield WRITE
            return self.decision(order)
        known = self._known[self.random.randrange(PROCESSES)]
        if not known.has_any([SKU]):
            taken = yield from self.attempts(self.row, lambda: self.take(order))
            if taken is not None:
                return taken
            known.note([SKU])
        yield WRITE
        self._wait(order, ReservationState.WAITING)
        self._waiting.add(order)
        return None

    def ship(self, order: int) -> Process:
        """Leave the unit to a batch: by then, nearly every process has met a conflict."""
        yield SHIPPED_AFTER + WRITE
        self._wait(order, ReservationState.SHIPPING)

    def _wait(self, order: int, state: ReservationState) -> None:
        pending = Reservation(
            order_id=str(order),
            state=state,
            lines=(Line(sku=SKU, quantity=1),),
            created_at="",
            changed_at="",
        )
        self._stream[order % self.shards].append(pending)

    def _consume(self, shard: deque[Reservation]) -> Process:
        while True:
            yield from self._move([shard.popleft() for _ in range(min(len(shard), self.size))])
            yield 0.0 if len(shard) >= self.size else self.window

    def _move(self, records: Sequence[Reservation]) -> Process:
        if records:
            yield INVOKE
        for batch in split_batches(records):
            moved = None
            while not moved:
                yield READ
                moved = yield from self.attempts(self.row, self._plan(batch), BATCH_RETRY)

    def _plan(self, batch: Sequence[Reservation]) -> Callable[[], bool]:
        seen = SeenStock(available=self.available, reserved=self.reserved, sequence=self.sequence)
        plan = plan_batch(batch, {SKU: seen}, now="")
        change = plan.changes.get(SKU)

        def write() -> bool:
            if change is not None:
                short = self.available + change.available < 0
                if short or change.seen not in (None, self.sequence):
                    return False
                self.available += change.available
                self.reserved += change.reserved
                self.note_change()
            for each in plan.decided:
                if each.state == ReservationState.SHIPPED:
                    self.result.shipped += 1
                else:
                    reserved = each.state == ReservationState.RESERVED
                    self.decide(int(each.order_id), reserved, None if change else seen.available)
            return True

        return write


class QueueOfOneSku(Batches):
    """A FIFO queue with a group for the SKU: one batch of ten at a time."""

    shards, size, window = 1, QUEUE_BATCH, INVOKE

    def reserve(self, order: int) -> Process:
        """Wait for a batch."""
        yield WRITE
        if order not in self._waiting:
            self._wait(order, ReservationState.WAITING)
            self._waiting.add(order)
        return self.decision(order)


class BatchesOfLargeTable(Batches):
    """The deployed design where the table has grown, and its stream has many shards."""

    shards = 64


class BatchesWithDepartures(Batches):
    """The deployed design where all units also leave, 20 s after their reservation."""

    ships = True


DESIGNS: dict[str, type[Model]] = {
    "a transaction for each order": OneRow,
    "64 rows that lend each other": ShardedRows,
    "a FIFO queue, batches of 10": QueueOfOneSku,
    "batches, stream of 4 shards": Batches,
    "batches, stream of 64 shards": BatchesOfLargeTable,
    "batches, and all units leave": BatchesWithDepartures,
}


def render(results: Iterable[tuple[str, Result]]) -> str:
    """Return the results as a table."""
    lines = [
        "| design | reserved | refused | in error | undecided | p50 s | p99 s | events a second |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results:
        undecided = result.orders - len(result.waits)
        cells = [
            *(f"{count:,}" for count in (result.reserved, result.refused)),
            *(f"{count:,}" for count in (result.refused_in_error, undecided)),
            *(f"{result.percentile(share):.1f}" for share in (0.5, 0.99)),
            str(max(result.changes.values(), default=0)),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Print how the orders end in each design."""
    parser = argparse.ArgumentParser(prog="python -m bench.hot_sku", description=__doc__)
    parser.add_argument("--rate", type=int, default=1_000, help="orders a second")
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    orders = arguments.rate * arguments.seconds
    for title, stock in (("Stock for all", orders), ("Stock for 40 %", orders * 2 // 5)):
        print(f"\n{title} of {orders:,} orders, {arguments.rate:,} a second:\n")
        print(
            render(
                (name, design(rate=arguments.rate, seconds=arguments.seconds, stock=stock).run())
                for name, design in DESIGNS.items()
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
