"""A view, made afresh beside the live one, proven equal, and put in its place.

It reads facts and writes the view's other table, and nothing else: no function is called, and
replayed events reach the queue of their own rule only. What it holds in memory does not grow with
the past: ten messages for each batch in work, a shard's records, a page of items.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope
from ops.deployed import Deployed
from ops.views.compare import DynamoTable, Key, compare, still_differing
from ops.views.registry import Projector, View
from ops.views.sources import RebuildContext

OVERLAP = timedelta(hours=1)
"""So much of the latest past comes from the stream as well: the archive may lag behind."""
COMPARE_TIMEOUT = timedelta(minutes=2)
"""For so long items that differ are looked at again: one of the views may be late."""
MAX_ATTEMPTS = 10
MAX_KEYS_SHOWN = 10

Progress = Callable[[str], None]


@dataclass(slots=True)
class ProjectionWriter:
    """Writes facts into a table, as many batches at a time as the view bears.

    Knows how many facts, and of how many records it made no sense.
    """

    view: View
    project: Projector
    events: int = 0
    unreadable: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _turns: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._turns = threading.Semaphore(self.view.max_parallel_writes)

    def __call__(self, bodies: Sequence[Any]) -> None:
        """Write what these bodies tell, as the view's function does."""
        events: list[EventEnvelope[Any]] = []
        unreadable = 0
        for body in bodies:
            try:
                event = self.view.parse(body)
            except ContractError:
                # The live function parked it, whole and with its reason.
                unreadable += 1
                continue
            if event is not None:
                events.append(event)
        if events:
            with self._turns:
                project_with_retries(self.project, events)
        with self._counting:
            self.events += len(events)
            self.unreadable += unreadable


def project_with_retries(project: Projector, events: Sequence[EventEnvelope[Any]]) -> None:
    """Write facts, again if a transaction met another one: after the switch, two write."""
    for attempt in range(MAX_ATTEMPTS):
        try:
            return project(events)
        except ClientError as refused:
            code = refused.response["Error"]["Code"]
            if code != "TransactionCanceledException" or attempt == MAX_ATTEMPTS - 1:
                raise
        # Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
        time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """One rebuild of one view."""

    deployed: Deployed
    view: View
    progress: Progress
    overlap: timedelta = OVERLAP
    compare_timeout: timedelta = COMPARE_TIMEOUT

    def run(self, *, switch: bool = True, ignore_differences: bool = False) -> bool:
        """Build, prove and switch; whether the views are equal.

        Nothing is switched unless they are. ``ignore_differences`` switches all the same: after a
        projection was mended, views have to differ.
        """
        began = datetime.now(UTC)
        outputs = self.deployed.outputs("Storefront")
        name = self.view.name
        live, idle = (self._table(outputs[name + each]) for each in ("Table", "StandbyTable"))
        write = ProjectionWriter(
            self.view,
            self.view.projector(outputs[f"{name}StandbyTable"], self.deployed.client("dynamodb")),
        )
        source = self.view.source(
            RebuildContext(
                deployed=self.deployed,
                name=f"rebuild-{name}-{began:%Y%m%dT%H%M%S%f}",
                began=began,
                overlap=self.overlap,
                idle=idle,
                write=write,
            )
        )
        try:
            source.start()
            self.progress(f"emptied: {idle.delete_all():,} items of an earlier view")
            for said in source.backfill():
                self.progress(f"{said}, {write.events:,} events")
        finally:
            source.stop()

        def follow() -> int:
            behind = source.follow()
            self.progress(f"following: {write.events:,} events, {behind / 1000:,.0f} s behind")
            return behind

        def catch_up() -> None:
            source.refresh()
            while follow():
                pass

        catch_up()
        equal = self._verify(live, idle, follow, catch_up)
        if write.unreadable:
            self.progress(f"passed over: records that make no sense, {write.unreadable:,} times")
        if switch and (equal or ignore_differences):
            self._switch(catch_up)
        return equal

    def _verify(
        self,
        live: DynamoTable,
        idle: DynamoTable,
        follow: Callable[[], object],
        catch_up: Callable[[], object],
    ) -> bool:
        """Whether each item of either table was, at some moment, the same in both."""
        for found in compare(live, idle, meanwhile=follow):
            differing: Sequence[Key] = found.differing
            until = time.monotonic() + self.compare_timeout.total_seconds()
            while differing and time.monotonic() < until:
                catch_up()
                differing = still_differing(live, idle, differing)
                self.progress(f"comparing: {len(differing):,} of {found.items:,} items differ")
            if differing:
                for key in differing[:MAX_KEYS_SHOWN]:
                    self.progress(f"differs: {' '.join(map(str, key))}")
                self.progress(f"not equal: {len(differing):,} of {found.items:,} items differ")
                return False
        self.progress(f"equal: {found.items:,} items")
        return True

    def _switch(self, catch_up: Callable[[], object]) -> None:
        """Make the rebuilt table the live one; the other stays as it is.

        Until the writer has changed, facts are written here. After that, what came before may still
        be in the hands of a writer of old, so it is caught up with once more.
        """
        slot = f"{self.view.name}Slot"
        now = self.deployed.parameters("Storefront")[slot]
        self.progress("switching")
        self.deployed.change("Storefront", slot, {"0": "1", "1": "0"}[now], meanwhile=catch_up)
        catch_up()
        self.progress(f"switched: {self.view.name} is read from slot {1 - int(now)}")

    def _table(self, name: str) -> DynamoTable:
        return DynamoTable(self.deployed.table(name), self.deployed.session.resource("dynamodb"))
