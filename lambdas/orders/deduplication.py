"""The search for orders that repeat an earlier one, all of which are held or cancelled.

It goes through the orders by the periods in which they were placed, from the first that is not
done. A period is done when it is over and each order in it is settled, or when too much time has
passed to wait for the rest.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from lambdas.orders.domain import DISPATCHED, Order
from lambdas.orders.duplicates import CANCEL, UndecidedError, repeated, settled
from lambdas.orders.likeness import PERIOD, begin, periods
from lambdas.orders.progress import Progress
from lambdas.orders.store import MOST_ALIKE, Orders
from lambdas.runtime.log import log

MOST, MOST_PERIODS = 10_000, 100
"""So many orders that look the same take some 2 minutes, and so many periods half a minute; the
next run goes on where this one stops.
"""
LATE = timedelta(minutes=1)
"""An order is in the index by then: its function and the index are much faster."""
GIVE_UP = timedelta(hours=1)
"""An order that is still open by then has been taken over in vain."""


class Deduplication:
    """One run of the search, at the time ``now``; a dry one changes nothing."""

    def __init__(
        self,
        orders: Orders,
        progress: Progress,
        *,
        policy: str,
        within: timedelta,
        now: datetime,
        dry_run: bool,
    ) -> None:
        """``policy`` says what becomes of an order that repeats one of that time before it."""
        self._orders = orders
        self._progress = progress
        self._policy = policy
        self._within = within
        self._now = now
        self._dry_run = dry_run
        self._did = Counter(kept=0, held=0, cancelled=0, too_late=0, undecided=0)

    def run(self) -> dict[str, Any]:
        """Settle such orders; return how many, and how far that came.

        What is undecided waits for what becomes of an earlier order.
        """
        first = done_until = self._progress.done_until() or begin(self._now - GIVE_UP)
        for at in periods(first, self._now)[:MOST_PERIODS]:
            nothing_left = self._settle(at)
            over = at + PERIOD + LATE <= self._now
            given_up = at + PERIOD + GIVE_UP <= self._now and (
                not self._full or (at == first and not self._changed)
            )
            if at == done_until and over and (nothing_left or given_up):
                done_until = at + PERIOD
                if not self._dry_run:
                    self._progress.advance(done_until)
            if self._full:
                break
        return {"dry_run": self._dry_run, **self._did, "done_until": done_until.isoformat()}

    @property
    def _full(self) -> bool:
        """Whether the run has looked at as many orders as it may."""
        return self._did.total() >= MOST

    @property
    def _changed(self) -> bool:
        """Whether the run took orders out of the index: the next one then comes further."""
        return any(self._did[outcome] for outcome in ("held", "cancelled", "too_late"))

    def _settle(self, at: datetime) -> bool:
        """Settle what was placed in the period that begins then; tell whether nothing is left."""
        left = False
        for alike in self._orders.alike(periods(at - self._within, at)):
            if self._full:
                return False
            left |= len(alike) == MOST_ALIKE
            for i, order in enumerate(alike):
                if begin(datetime.fromisoformat(order.placed_at)) != at:
                    continue
                alike[i], outcome = self._judge(order, alike)
                self._did[outcome] += 1
                left |= outcome == "undecided"
        return not left

    def _judge(self, order: Order, alike: Sequence[Order]) -> tuple[Order, str]:
        """Settle the order if it repeats one of those; return what it then is, and the outcome."""
        try:
            earlier = repeated(order, alike, within=self._within)
        except UndecidedError:
            return order, "undecided"
        if earlier is None:
            return order, "kept"
        after = settled(order, repeats=earlier, policy=self._policy, now=self._now.isoformat())
        if not self._dry_run and not self._orders.replace(order, after):
            return order, "undecided"
        done = "cancelled" if self._policy == CANCEL else "held"
        outcome = "too_late" if order.state == DISPATCHED else done
        ids = {"order_id": order.order_id, "repeats": earlier.order_id}
        log("duplicate", outcome=outcome, dry_run=self._dry_run, **ids)
        return after, outcome
