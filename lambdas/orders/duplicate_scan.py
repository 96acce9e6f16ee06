"""The scan for orders that repeat an earlier one.

It goes through the periods in which orders were placed, from the first that is not done. A period
is done when it has ended and each of its orders is resolved, or when the scan has waited long
enough for the rest.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from lambdas.contracts.orders import OrderState
from lambdas.contracts.times import format_time
from lambdas.orders.checkpoint import Checkpoint
from lambdas.orders.dedup_index import PERIOD, period_start, periods
from lambdas.orders.domain import Order
from lambdas.orders.duplicates import CANCEL, UndecidedError, find_original, resolve_duplicate
from lambdas.orders.scans import MAX_CANDIDATES, OrderScans
from lambdas.runtime.log import log

MAX_ORDERS, MAX_PERIODS = 10_000, 100
"""The limits of a run. So many candidates take some 2 minutes, so many periods half a minute. The
next run continues where this one stops.
"""
INDEX_LAG = timedelta(minutes=1)
"""How long after its period an order may appear in the index; usually it takes far less."""
GIVE_UP_AFTER = timedelta(hours=1)
"""How long the scan waits for the outcome of an order that is still open."""


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
        self._undecided: set[str] = set()
        self._outcomes = Counter(kept=0, held=0, cancelled=0, too_late=0, undecided=0)

    def run(self) -> dict[str, Any]:
        """Resolve duplicates; return the number of orders by outcome, and the progress.

        An undecided order waits for the outcome of an earlier one.
        """
        first = done_until = self._checkpoint.done_until() or period_start(
            self._now - GIVE_UP_AFTER
        )
        for at in periods(first, self._now)[:MAX_PERIODS]:
            all_resolved = self._scan_period(at)
            over = at + PERIOD + INDEX_LAG <= self._now
            given_up = at + PERIOD + GIVE_UP_AFTER <= self._now and (
                not self._full or (at == first and not self._changed)
            )
            if at == done_until and over and (all_resolved or given_up):
                done_until = at + PERIOD
                if not self._dry_run:
                    self._checkpoint.advance(done_until)
            if self._full:
                break
        return {**self._outcomes, "done_until": done_until.isoformat()}

    @property
    def _full(self) -> bool:
        """Whether the run has reached ``MAX_ORDERS``."""
        return self._outcomes.total() >= MAX_ORDERS

    @property
    def _changed(self) -> bool:
        """Whether the run removed orders from the index, so that the next run gets further."""
        return any(self._outcomes[outcome] for outcome in ("held", "cancelled", "too_late"))

    def _scan_period(self, at: datetime) -> bool:
        """Resolve the orders placed in the period that starts ``at``; return whether all are."""
        unresolved = False
        for candidates in self._orders.duplicate_candidates(periods(at - self._within, at)):
            if self._full:
                return False
            unresolved |= len(candidates) == MAX_CANDIDATES
            for i, order in enumerate(candidates):
                if period_start(datetime.fromisoformat(order.placed_at)) != at:
                    continue
                candidates[i], outcome = self._resolve(order, candidates)
                self._outcomes[outcome] += 1
                if outcome == "undecided":
                    # Whatever repeats this one is undecided, too. Each run comes past it again.
                    self._undecided.add(order.order_id)
                    unresolved = True
        return not unresolved

    def _resolve(self, order: Order, candidates: Sequence[Order]) -> tuple[Order, str]:
        """Resolve the order; return it as it then is, and the outcome."""
        try:
            earlier = find_original(
                order, candidates, within=self._within, undecided=self._undecided
            )
        except UndecidedError:
            return order, "undecided"
        if earlier is None:
            return order, "kept"
        after = resolve_duplicate(
            order, repeats=earlier, policy=self._policy, now=format_time(self._now)
        )
        if not self._dry_run and not self._orders.replace(order, after):
            return order, "undecided"
        done = "cancelled" if self._policy == CANCEL else "held"
        outcome = "too_late" if order.state == OrderState.DISPATCHED else done
        ids = {"order_id": order.order_id, "repeats": earlier.order_id}
        log("duplicate_found", outcome=outcome, dry_run=self._dry_run, **ids)
        return after, outcome
