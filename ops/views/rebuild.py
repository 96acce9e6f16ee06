"""Rebuild views in their idle tables, compare them with the live ones, and switch to them.

A rebuild reads events and writes the idle tables. It invokes no function, and replayed events
reach only the queue of the rule for replays. Its memory does not grow with the archive: it holds
ten messages for each batch in progress, one shard's records, and a page of items.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope
from lambdas.runtime.batch import PoisonEventsError
from lambdas.runtime.retry import RetryPolicy
from ops.deployed import Deployed, OperationError
from ops.views.compare import DynamoTable, Key, compare, still_differing
from ops.views.lease import RebuildLease
from ops.views.registry import VIEWS, Projector, View
from ops.views.sources import RebuildContext

STACK = "Storefront"
OVERLAP = timedelta(hours=1)
"""How far back the order stream is read: the archive may lag behind."""
COMPARE_TIMEOUT = timedelta(minutes=2)
"""How long differing items are compared again: one of the views may be late."""
CONFLICT_RETRIES = RetryPolicy(max_attempts=10, base_delay=0.05)
MAX_KEYS_SHOWN = 10
UNFINISHED_SWITCH = (
    "the switch of {} may go on, and the live view may then lack the latest events: run this again,"
    " with --despite-differences if the two differ"
)
"""What is left to do after an error or an interruption during a switch."""

Progress = Callable[[str], None]


@dataclass(slots=True)
class ProjectionWriter:
    """Writes events into a table, and counts them, and the records that cannot be used."""

    view: View
    project: Projector
    events: int = 0
    unreadable: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _turns: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._turns = threading.Semaphore(self.view.max_parallel_writes)

    def __call__(self, bodies: Sequence[Any]) -> None:
        """Write the events in these bodies, as the view's function does."""
        events: list[EventEnvelope[Any]] = []
        unreadable = 0
        for body in bodies:
            try:
                event = self.view.parse(body)
            except ContractError:
                # The live function has dead-lettered this record, with the reason.
                unreadable += 1
                continue
            if event is not None:
                events.append(event)
        poison = 0
        if events:
            with self._turns:
                try:
                    project_with_retries(self.project, events)
                except PoisonEventsError as error:
                    poison = len(error.reasons)
        with self._counting:
            self.events += len(events) - poison
            self.unreadable += unreadable + poison


def project_with_retries(project: Projector, events: Sequence[EventEnvelope[Any]]) -> None:
    """Write events, and retry transaction conflicts: after the switch there are two writers."""
    CONFLICT_RETRIES.call(lambda: project(events), is_transient=_is_conflict)


def _is_conflict(error: BaseException) -> bool:
    if not isinstance(error, ClientError):
        return False
    return error.response["Error"]["Code"] == "TransactionCanceledException"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One of the views, its tables, and what leases and writes the idle one."""

    view: View
    slot: str
    """The number of the live table, as the stack's parameter has it."""
    live: DynamoTable
    idle: DynamoTable
    lease: RebuildLease
    write: ProjectionWriter
    say: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """One rebuild of one or more views. All of them are made of the same past events, read once."""

    deployed: Deployed
    views: Mapping[str, View]
    """By the names that progress and results give them. They have the same source."""
    progress: Progress
    named: bool = False
    """Whether each line of progress begins with the views that it is about."""
    overlap: timedelta = OVERLAP
    compare_timeout: timedelta = COMPARE_TIMEOUT
    equal: dict[str, bool] = field(default_factory=dict)
    """Of each view that was compared, whether it equals the live one; exact at any time."""
    switched: list[str] = field(default_factory=list)

    def run(self, *, switch: bool = True, ignore_differences: bool = False) -> Mapping[str, bool]:
        """Rebuild, compare and switch; return whether each view equals the live one.

        It does not switch to a view that differs, unless with ``ignore_differences``. After a
        projection's bug was fixed, they have to differ.

        Raises:
            OperationError: another command rebuilds one of the views, or has switched it meanwhile.
        """
        began = datetime.now(UTC)
        outputs, slots = self.deployed.outputs_and_parameters(STACK)
        targets = {name: self._target(name, began, outputs, slots) for name in self.views}
        with ExitStack() as leases:
            for lease in self._shared_leases(began, outputs):
                leases.enter_context(lease)
            for target in targets.values():
                leases.enter_context(target.lease)
            return self._run(targets, began, switch=switch, ignore_differences=ignore_differences)

    def _run(
        self,
        targets: Mapping[str, _Target],
        began: datetime,
        *,
        switch: bool,
        ignore_differences: bool,
    ) -> Mapping[str, bool]:
        first, say = next(iter(targets.values())), self._say(", ".join(targets))

        def write(bodies: Sequence[Any]) -> None:
            for target in targets.values():
                target.write(bodies)

        def events() -> int:
            return sum(target.write.events for target in targets.values())

        source = first.view.source(
            RebuildContext(
                deployed=self.deployed,
                name=_rebuild_name(first.view, began),
                began=began,
                overlap=self.overlap,
                idle=first.idle,
                write=write,
            )
        )
        try:
            source.start()
            for target in targets.values():
                self._check_is_idle(target)
                target.say(f"emptied: {target.idle.delete_all():,} items of an earlier view")
            for said in source.backfill():
                say(f"{said}, {events():,} events")
        finally:
            source.stop()

        def follow(*, quietly: bool = False) -> int:
            behind = source.follow()
            if not quietly:
                say(f"following: {events():,} events, {behind / 1000:,.0f} s behind")
            return behind

        def keep_up() -> None:
            # A read of the stream waits for its turn; a comparison does not wait for the stream.
            if source.is_due:
                follow()

        def catch_up(*, quietly: bool = False) -> None:
            source.refresh()
            while follow(quietly=quietly):
                pass

        catch_up()
        # In turns with what the comparison says, each would begin a new line.
        again = partial(catch_up, quietly=True)
        for name, target in targets.items():
            self.equal[name] = self._verify(target, keep_up, again)
        for name, target in targets.items():
            if target.write.unreadable:
                target.say(f"skipped: {target.write.unreadable:,} records that cannot be used")
            if switch and (self.equal[name] or ignore_differences):
                self._switch(target, catch_up)
                self.switched.append(name)
        return self.equal

    def _shared_leases(self, began: datetime, outputs: Mapping[str, str]) -> Iterator[RebuildLease]:
        """Yield the lease of the first view with this source, if it is not one of these.

        Else two rebuilds would take each other's events from the queue of replays.
        """
        views = [*self.views.values()]
        first = next((each for each in VIEWS.values() if each.source == views[0].source), views[0])
        if first.name not in {view.name for view in views}:
            idle = self._table(outputs[f"{first.name}StandbyTable"])
            owner, dynamodb = _rebuild_name(first, began), self.deployed.client("dynamodb")
            yield RebuildLease(first.name, idle, dynamodb=dynamodb, owner=owner, say=self.progress)

    def _target(
        self, name: str, began: datetime, outputs: Mapping[str, str], slots: Mapping[str, str]
    ) -> _Target:
        view, say, dynamodb = self.views[name], self._say(name), self.deployed.client("dynamodb")
        table = outputs[f"{view.name}StandbyTable"]
        idle, owner = self._table(table), _rebuild_name(view, began)
        return _Target(
            view=view,
            slot=slots[f"{view.name}Slot"],
            live=self._table(outputs[f"{view.name}Table"]),
            idle=idle,
            lease=RebuildLease(view.name, idle, dynamodb=dynamodb, owner=owner, say=say),
            write=ProjectionWriter(view, view.projector(table, dynamodb)),
            say=say,
        )

    def _say(self, about: str) -> Progress:
        return (lambda line: self.progress(f"{about} {line}")) if self.named else self.progress

    def _verify(
        self, target: _Target, keep_up: Callable[[], object], catch_up: Callable[[], object]
    ) -> bool:
        """Return whether each item of either table was the same in both at some time."""
        live, idle, say = target.live, target.idle, target.say
        for found in compare(live, idle, meanwhile=keep_up):
            differing: Sequence[Key] = found.differing
            until = time.monotonic() + self.compare_timeout.total_seconds()
            while differing and time.monotonic() < until:
                catch_up()
                differing = still_differing(live, idle, differing)
                left = max(until - time.monotonic(), 0)
                say(
                    f"comparing: {len(differing):,} of {found.items:,} items differ; again for"
                    f" {left:,.0f} s, because one of the views may be late"
                )
            if differing:
                for key in differing[:MAX_KEYS_SHOWN]:
                    say(f"differs: {' '.join(map(str, key))}")
                say(f"not equal: {len(differing):,} of {found.items:,} items differ")
                return False
        say(f"equal: {found.items:,} items")
        return True

    def _switch(self, target: _Target, catch_up: Callable[[], object]) -> None:
        """Make the rebuilt table the live one. The other table stays as it is.

        During the switch, this process writes the events. Then it catches up once more, because
        functions that started before the switch may have written to the old table.
        """
        self._check_is_idle(target)
        target.lease.renew()
        name, other = target.view.name, {"0": "1", "1": "0"}[target.slot]
        target.say("switching")
        try:
            self.deployed.change(STACK, f"{name}Slot", other, meanwhile=catch_up)
            catch_up()
        except BaseException as error:
            # If the update was refused, nothing has changed.
            if getattr(error, "operation_name", "") != "UpdateStack":
                error.add_note(UNFINISHED_SWITCH.format(name))
            raise
        target.say(f"switched: {name} is read from slot {other}")

    def _check_is_idle(self, target: _Target) -> None:
        """Raise an OperationError if another command has switched, or does, since this began."""
        name = target.view.name
        _, slots = self.deployed.outputs_and_parameters(STACK)
        if (now := slots[f"{name}Slot"]) != target.slot:
            raise OperationError(
                f"another command has switched {name} to slot {now} meanwhile: run this again"
            )

    def _table(self, name: str) -> DynamoTable:
        return DynamoTable(self.deployed.table(name), self.deployed.session.resource("dynamodb"))


def _rebuild_name(view: View, began: datetime) -> str:
    return f"rebuild-{view.name}-{began:%Y%m%dT%H%M%S%f}"
