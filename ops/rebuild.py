"""A view, made afresh beside the live one, proven equal, and put in its place.

It reads facts and writes the view's other table, and nothing else: no function is called, and
replayed events reach the queue of their own rule only. What it holds in memory does not grow with
the archive: ten messages for each batch in work, a shard's records, a page of items.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Fact
from ops.comparing import Key, Table, compare, still_differing
from ops.deployed import Deployed
from ops.sources import EMPTY, Replay, Stream
from ops.views import Project, View

OVERLAP = timedelta(hours=1)
"""So much of the latest past comes from the stream as well: the archive may lag behind."""
PATIENCE = timedelta(minutes=2)
"""For so long items that differ are looked at again: one of the views may be late."""
AT_ONCE = 8
"""So many batches are taken from the replay at a time; most of what it brings concerns others."""
ATTEMPTS = 10
SHOWN = 10

Progress = Callable[[str], None]


@dataclass(slots=True)
class Written:
    """Writes facts into a table, as many batches at a time as the view bears.

    Knows how many facts, and of how many records it made no sense.
    """

    view: View
    project: Project
    facts: int = 0
    unreadable: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _turns: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._turns = threading.Semaphore(self.view.at_once)

    def __call__(self, bodies: Sequence[Any]) -> None:
        """Write what these bodies tell, as the view's function does."""
        facts: list[Fact[Any]] = []
        unreadable = 0
        for body in bodies:
            try:
                fact = self.view.hear(body)
            except ContractError:
                # The live function parked it, whole and with its reason.
                unreadable += 1
                continue
            if fact is not None:
                facts.append(fact)
        if facts:
            with self._turns:
                patiently(self.project, facts)
        with self._counting:
            self.facts += len(facts)
            self.unreadable += unreadable


def patiently(project: Project, facts: Sequence[Fact[Any]]) -> None:
    """Write facts, again if a transaction met another one: after the switch, two write."""
    for attempt in range(ATTEMPTS):
        try:
            return project(facts)
        except ClientError as refused:
            code = refused.response["Error"]["Code"]
            if code != "TransactionCanceledException" or attempt == ATTEMPTS - 1:
                raise
        # Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
        time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311
    return None


def replayed(
    replay: Replay, write: Callable[[Sequence[Any]], None], *, at_once: int = AT_ONCE
) -> Iterator[int]:
    """Write all that a replay brings; yields, now and then, how many messages that was so far."""

    def work(_: int) -> int:
        messages = replay.take()
        write([message["Body"] for message in messages])
        replay.done(messages)
        return len(messages)

    messages = silent = 0
    with ThreadPoolExecutor(at_once) as pool:
        while silent < EMPTY:
            over = replay.over
            came = sum(pool.map(work, range(at_once)))
            messages += came
            silent = silent + 1 if over and not came else 0
            yield messages


def follow(stream: Stream, write: Callable[[Sequence[Any]], None]) -> int:
    """Write what came into the stream; how many milliseconds are left to its end."""
    behind = 0
    for records, late in stream.read():
        write(records)
        behind = max(behind, late)
    return behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """One rebuild of one view."""

    deployed: Deployed
    view: View
    progress: Progress
    overlap: timedelta = OVERLAP
    patience: timedelta = PATIENCE

    def run(self, *, switch: bool = True, despite: bool = False) -> bool:
        """Build, prove and switch; whether the views are equal, or need not be.

        Nothing is switched unless they are. ``despite`` switches all the same: after a projection
        was mended, views have to differ.
        """
        began = datetime.now(UTC)
        outputs = self.deployed.outputs("Storefront")
        backbone = self.deployed.outputs("Backbone")
        name = self.view.name
        live, beside = (self._table(outputs[name + each]) for each in ("Table", "TableBeside"))
        write = Written(
            self.view,
            self.view.into(outputs[f"{name}TableBeside"], self.deployed.client("dynamodb")),
        )
        replay = Replay(
            self.deployed.client("events"), self.deployed.client("sqs"), backbone=backbone
        )
        try:
            replay.start(f"rebuild-{name}-{began:%Y%m%dT%H%M%S%f}", now=began)
            self.progress(f"emptied: {beside.empty():,} items of an earlier view")
            for messages in replayed(replay, write):
                self.progress(f"replayed: {messages:,} events, {write.facts:,} facts")
        finally:
            replay.cancel()
        stream = Stream(
            self.deployed.client("kinesis"),
            backbone["OrderStreamName"],
            since=began - self.overlap,
        )

        def catch_up() -> int:
            behind = follow(stream, write)
            self.progress(f"following: {write.facts:,} facts, {behind / 1000:,.0f} s behind")
            return behind

        while catch_up():
            pass
        equal = self._prove(live, beside, catch_up)
        if write.unreadable:
            self.progress(f"passed over: {write.unreadable:,} records that make no sense")
        if switch and (equal or despite):
            self._switch(catch_up)
        return equal or despite

    def _prove(self, live: Table, beside: Table, catch_up: Callable[[], int]) -> bool:
        """Whether each item of either table was, at some moment, the same in both."""
        for found in compare(live, beside, meanwhile=catch_up):
            differing: Sequence[Key] = found.differing
            until = time.monotonic() + self.patience.total_seconds()
            while differing and time.monotonic() < until:
                catch_up()
                differing = still_differing(live, beside, differing)
                self.progress(f"comparing: {len(differing):,} of {found.items:,} items differ")
            if differing:
                for key in differing[:SHOWN]:
                    self.progress(f"differs: {' '.join(map(str, key))}")
                self.progress(f"not equal: {len(differing):,} of {found.items:,} items differ")
                return False
        self.progress(f"equal: {found.items:,} items")
        return True

    def _switch(self, catch_up: Callable[[], int]) -> None:
        """Make the rebuilt table the live one; the other stays as it is.

        Until the writer has changed, facts are written here. After that, what came into the stream
        before may still be in the hands of a writer of old, so it is followed to its end once more.
        """
        slot = f"{self.view.name}Slot"
        now = self.deployed.parameters("Storefront")[slot]
        self.progress("switching")
        self.deployed.change("Storefront", slot, {"0": "1", "1": "0"}[now], meanwhile=catch_up)
        while catch_up():
            pass
        self.progress(f"switched: {self.view.name} is read from slot {1 - int(now)}")

    def _table(self, name: str) -> Table:
        return Table(self.deployed.table(name), self.deployed.session.resource("dynamodb"))
