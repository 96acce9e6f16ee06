"""The search for orders that repeat an earlier one, all of which are held or cancelled.

It goes through the orders by the periods in which they were placed, from the first that is not
done. A period is done when it is over and each order in it is settled, or when too much time has
passed to wait for the rest.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from lambdas.orders.checkpoint import Checkpoint
from lambdas.orders.dedup_index import PERIOD, period_start, periods
from lambdas.orders.domain import DISPATCHED, Order
from lambdas.orders.duplicates import CANCEL, UndecidedError, find_original, resolve_duplicate
from lambdas.orders.store import MAX_CANDIDATES, Orders
from lambdas.runtime.log import log

MAX_ORDERS, MAX_PERIODS = 10_000, 100
"""So many orders that look the same take some 2 minutes, and so many periods half a minute; the
next run goes on where this one stops.
"""
INDEX_LAG = timedelta(minutes=1)
"""An order is in the index by then: its function and the index are much faster."""
GIVE_UP_AFTER = timedelta(hours=1)
"""An order that is still open by then has been taken over in vain."""


class DuplicateScan:
    """One run of the search, at the time ``now``; a dry one changes nothing."""

    def __init__(
        self,
        orders: Orders,
        checkpoint: Checkpoint,
        *,
        policy: str,
        within: timedelta,
        now: datetime,
        dry_run: bool,
    ) -> None:
        """``policy`` says what becomes of an order that repeats one of that time before it."""
        self._orders = orders
        self._checkpoint = checkpoint
        self._policy = policy
        self._within = within
        self._now = now
        self._dry_run = dry_run
        self._outcomes = Counter(kept=0, held=0, cancelled=0, too_late=0, undecided=0)

    def run(self) -> dict[str, Any]:
        """Settle such orders; return how many, and how far that came.

        What is undecided waits for what becomes of an earlier order.
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
        return {"dry_run": self._dry_run, **self._outcomes, "done_until": done_until.isoformat()}

    @property
    def _full(self) -> bool:
        """Whether the run has looked at as many orders as it may."""
        return self._outcomes.total() >= MAX_ORDERS

    @property
    def _changed(self) -> bool:
        """Whether the run took orders out of the index: the next one then comes further."""
        return any(self._outcomes[outcome] for outcome in ("held", "cancelled", "too_late"))

    def _scan_period(self, at: datetime) -> bool:
        """Settle what was placed in the period that begins then; tell whether nothing is left."""
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
                unresolved |= outcome == "undecided"
        return not unresolved

    def _resolve(self, order: Order, candidates: Sequence[Order]) -> tuple[Order, str]:
        """Settle the order if it repeats one of those; return what it then is, and the outcome."""
        try:
            earlier = find_original(order, candidates, within=self._within)
        except UndecidedError:
            return order, "undecided"
        if earlier is None:
            return order, "kept"
        after = resolve_duplicate(
            order, repeats=earlier, policy=self._policy, now=self._now.isoformat()
        )
        if not self._dry_run and not self._orders.replace(order, after):
            return order, "undecided"
        done = "cancelled" if self._policy == CANCEL else "held"
        outcome = "too_late" if order.state == DISPATCHED else done
        ids = {"order_id": order.order_id, "repeats": earlier.order_id}
        log("duplicate", outcome=outcome, dry_run=self._dry_run, **ids)
        return after, outcome
