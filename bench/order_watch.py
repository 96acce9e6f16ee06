"""What becomes of the orders of a measurement, as their table says it."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from bench.order_load import Sender
from emulator.cloud import Cloud
from lambdas.contracts.order_states import OrderState
from lambdas.runtime.dynamodb import from_item

STALL_TIMEOUT = 1_200.0
"""Seconds without a finished order after which no more are expected: longer than any deferral."""
IN_FLIGHT = (4, 8, 16, 32)
"""How many orders are in flight while the unsaturated throughput is measured."""
STEP, RAMP = 12.0, 2.0
"""Seconds for each of these, and at its beginning those that do not count."""


class OrderWatch:
    """Reads the table of orders, and remembers the most open and deferred orders that it saw."""

    def __init__(self, cloud: Cloud, table: str) -> None:
        self._dynamodb = cloud.client("dynamodb")
        self._table = table
        self.begin()

    def begin(self) -> None:
        """Forget what was seen so far."""
        self.most_open = self.most_deferred = 0
        self.deferred_by: Counter[str] = Counter()
        """How many orders each step and error had deferred, when most were deferred."""

    def open_orders(self) -> int:
        """Return how many orders are open now."""
        rows = self._rows(
            FilterExpression="#state = :placed",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":placed": {"S": OrderState.PLACED}},
            ProjectionExpression="deferred_step, deferred_error",
        )
        reasons = [" ".join(row.values()) for row in rows]
        deferred_by = Counter(filter(None, reasons))
        self.most_open = max(self.most_open, len(reasons))
        if deferred_by.total() > self.most_deferred:
            self.most_deferred, self.deferred_by = deferred_by.total(), deferred_by
        return len(reasons)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return all orders by their ids."""
        return {row["order_id"]: row for row in self._rows()}

    def state(self, order: str) -> str:
        """Return the state of one order."""
        answer = self._dynamodb.get_item(TableName=self._table, Key={"order_id": {"S": order}})
        return str(answer["Item"]["state"]["S"])

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Read every few seconds in the block, from zero."""
        self.begin()
        done = threading.Event()

        def sample() -> None:
            while not done.wait(5):
                self.open_orders()

        with ThreadPoolExecutor(1) as pool:
            sampled = pool.submit(sample)
            try:
                yield
            finally:
                done.set()
        sampled.result()

    def _rows(self, **options: Any) -> Iterator[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("scan")
        for page in pages.paginate(TableName=self._table, **options):
            yield from map(from_item, page["Items"])


def await_orders(watch: OrderWatch) -> None:
    """Wait until no order is open, or until no more end."""
    least, since = watch.open_orders(), time.monotonic()
    while least and time.monotonic() - since < STALL_TIMEOUT:
        began = time.monotonic()
        if (left := watch.open_orders()) < least:
            least, since = left, began
        # A long pause, so that most of the machine's time is left for the orders.
        time.sleep(max(1.0, 4 * (time.monotonic() - began)))


def unsaturated_throughput(send: Sender, watch: OrderWatch) -> float:
    """Return the most orders that end in a second while no more than some are in flight."""
    best = 0.0
    for most in IN_FLIGHT:
        throughput = _throughput(send, watch, most)
        await_orders(watch)
        if throughput < best:
            break
        best = throughput
    return best


def _throughput(send: Sender, watch: OrderWatch, in_flight: int) -> float:
    """Return how many orders end in a second while that many are in flight."""
    began = time.monotonic()

    def work(_: int) -> Sequence[float]:
        ended: list[float] = []
        while time.monotonic() - began < STEP:
            order = send(0).order_id
            if not order:
                time.sleep(0.1)
                continue
            while watch.state(order) == OrderState.PLACED:
                if time.monotonic() - began > STEP:
                    return ended
                time.sleep(0.1)
            ended.append(time.monotonic() - began)
        return ended

    with ThreadPoolExecutor(in_flight) as pool:
        ended = [at for share in pool.map(work, range(in_flight)) for at in share]
    return sum(at >= RAMP for at in ended) / (STEP - RAMP)
