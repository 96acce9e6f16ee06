"""One run of the job `resolve_duplicates`: it scans the index, and applies the rules to each order.

The run goes through the periods in which orders were placed, from the first that is not done. A
period is done when it has ended and each of its orders is resolved. A period that still has open
orders after an hour is set aside: the scan goes on, and each run comes back to some of these.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lambdas.contracts.order_states import FULFILLED_STATES, OrderState
from lambdas.contracts.times import format_time
from lambdas.orders.checkpoint import Checkpoint, Progress
from lambdas.orders.dedup_key import PERIOD, period_start, periods
from lambdas.orders.domain import Order
from lambdas.orders.duplicate_rules import (
    UndecidedError,
    find_original,
    is_to_cancel,
    resolve_duplicate,
)
from lambdas.orders.scans import MAX_CANDIDATES, OrderScans
from lambdas.runtime.log import log

MAX_ORDERS, MAX_PERIODS = 10_000, 100
"""The limits of a run. So many candidates take some 2 minutes, so many periods half a minute. The
next run continues where this one stops.
"""
INDEX_LAG = timedelta(minutes=1)
"""How long after its period an order may appear in the index; usually it takes far less."""
SET_ASIDE_AFTER = timedelta(hours=1)
"""How long each run scans a period again because one of its orders is still open."""
GIVE_UP_AFTER = timedelta(days=3)
"""How long runs come back to a period that was set aside.

A deferred order stays open while its error is transient; after a day an operator is notified.
"""
MAX_REVISITED = 6
"""The number of periods that a run comes back to: those of a day take an hour."""


class DuplicateScan:
    """One run of the scan, at the time ``now``. A dry run changes nothing."""

    def __init__(
        self,
        orders: OrderScans,
        checkpoint: Checkpoint,
        *,
        policy: str,
        within: timedelta,
        now: datetime,
        dry_run: bool,
    ) -> None:
        """``policy`` applies to an order that repeats one placed at most ``within`` before it."""
        self._orders = orders
        self._checkpoint = checkpoint
        self._policy = policy
        self._within = within
        self._now = now
        self._dry_run = dry_run
        self._recorded: Progress | None = None
        self._undecided: set[str] = set()
        self._unvisited: set[datetime] = set()
        self._outcomes = Counter(kept=0, held=0, cancelled=0, too_late=0, undecided=0)

    def run(self) -> dict[str, Any]:
        """Resolve duplicates; return the number of orders by outcome, and the progress.

        An undecided order waits for the outcome of an earlier one.
        """
        self._recorded = self._checkpoint.read()
        first = (
            self._recorded.done_until
            if self._recorded
            else period_start(self._now - SET_ASIDE_AFTER)
        )
        progress = self._recorded or Progress(done_until=first)
        self._unvisited = set(progress.unresolved)
        progress = self._record(replace(progress, unresolved=self._revisit(progress.unresolved)))
        for at in periods(first, self._now)[:MAX_PERIODS]:
            all_resolved = self._scan_period(at)
            over = at + PERIOD + INDEX_LAG <= self._now
            set_aside = at + PERIOD + SET_ASIDE_AFTER <= self._now and (
                not self._full or (at == first and not self._changed)
            )
            if at == progress.done_until and over and (all_resolved or set_aside):
                to_revisit = () if all_resolved or self._full else (at,)
                unresolved = progress.unresolved + to_revisit
                progress = self._record(Progress(done_until=at + PERIOD, unresolved=unresolved))
            if self._full:
                break
        return {
            **self._outcomes,
            "done_until": format_time(progress.done_until),
            "unresolved_periods": len(progress.unresolved),
        }

    def _record(self, progress: Progress) -> Progress:
        """Write the progress to the checkpoint, unless this is a dry run, and return it."""
        if not self._dry_run and progress != self._recorded:
            self._checkpoint.write(progress, before=self._recorded)
            self._recorded = progress
        return progress

    def _revisit(self, unresolved: tuple[datetime, ...]) -> tuple[datetime, ...]:
        """Scan some of the periods that were set aside; return those that are still unresolved.

        They are returned in the order in which the next runs visit them. The last period that stays
        unresolved comes first: orders of the period after it may depend on it.
        """
        due, later = sorted(unresolved[:MAX_REVISITED]), unresolved[MAX_REVISITED:]
        still = []
        for at in due:
            self._unvisited.discard(at)
            given_up = at + PERIOD + GIVE_UP_AFTER <= self._now
            if not given_up and (
                self._outcomes.total() > MAX_ORDERS // 2 or not self._scan_period(at)
            ):
                still.append(at)
        return (*still[-1:], *later, *still[:-1])

    @property
    def _full(self) -> bool:
        """Whether the run has reached ``MAX_ORDERS``."""
        return self._outcomes.total() >= MAX_ORDERS

    @property
    def _changed(self) -> bool:
        """Whether the run removed orders from the index, so that the next run gets further."""
        return any(self._outcomes[outcome] for outcome in ("held", "cancelled", "too_late"))

    def _scan_period(self, at: datetime) -> bool:
        """Resolve the orders placed in the period that starts ``at``.

        Return whether all are resolved. False if an order is undecided, if the run reached its
        limit, or if a group of orders was cut off.
        """
        unresolved = False
        for candidates in self._orders.duplicate_candidates(periods(at - self._within, at)):
            if self._full:
                return False
            unresolved |= len(candidates) == MAX_CANDIDATES
            for i, order in enumerate(candidates):
                if _period_of(order) != at:
                    continue
                candidates[i], outcome = self._resolve(order, candidates)
                self._outcomes[outcome] += 1
                if outcome == "undecided":
                    # Orders that repeat this one are undecided, too. The next run tries again.
                    self._undecided.add(order.order_id)
                    unresolved = True
        return not unresolved

    def _resolve(self, order: Order, candidates: Sequence[Order]) -> tuple[Order, str]:
        """Apply the rules to one order; return the order as it is then, and the outcome."""
        undecided = self._undecided | {
            other.order_id for other in candidates if _period_of(other) in self._unvisited
        }
        try:
            earlier = find_original(order, candidates, within=self._within, undecided=undecided)
        except UndecidedError:
            return order, "undecided"
        if earlier is None:
            return order, "kept"
        original = self._find_fulfilled(earlier)
        if original is None:
            return order, "undecided"
        after = resolve_duplicate(
            order, repeats=original, policy=self._policy, now=format_time(self._now)
        )
        if not self._dry_run and not self._orders.replace(order, after):
            return order, "undecided"
        cancels = is_to_cancel(order, repeats=original, policy=self._policy)
        done = "cancelled" if cancels else "held"
        outcome = "too_late" if order.state == OrderState.DISPATCHED else done
        ids = {"order_id": order.order_id, "repeats": original.order_id}
        log("duplicate_found", outcome=outcome, dry_run=self._dry_run, **ids)
        return after, outcome

    def _find_fulfilled(self, earlier: Order) -> Order | None:
        """Return an order as it is now; None if it was cancelled since, or judged a duplicate."""
        found = self._orders.find(earlier.order_id)
        stands = found and found.state in FULFILLED_STATES and not found.duplicate_of
        return found if stands else None


def _period_of(order: Order) -> datetime:
    return period_start(datetime.fromisoformat(order.placed_at))
