"""The frame of each scheduled job of this service: dry run, shared work, log, unreadable rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.orders.scans import SHARDS, OrderScans
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run

Work = Callable[[bool], dict[str, Any]]
"""The job's own work: it is given whether this is a dry run, and returns what to report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRun:
    """The part of the event that says which of several runs this is; None if it is the only one."""

    run: int | None = None

    def shards(self, runs: int) -> Sequence[str]:
        """Return this run's shards, if so many runs share all of them."""
        return SHARDS if self.run is None else SHARDS[self.run :: runs]


def run_job(event: object, work: Work, *, orders: OrderScans, log_event: str) -> dict[str, Any]:
    """Run the job once; log and return its report.

    With ``{"dry_run": true}`` as ``event`` the job only reports what it would do.

    Raises:
        UnreadableError: at the end, if rows could not be read; all others were processed.
    """
    dry_run = is_dry_run(event)
    report = {"dry_run": dry_run, **work(dry_run)}
    log(log_event, **report)
    orders.raise_if_unreadable()
    return report
