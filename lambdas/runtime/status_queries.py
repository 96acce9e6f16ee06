"""Status queries: a service asks orders whether to keep or undo what it has done for an order.

A service keeps an index of unresolved entries: reservations, or charges. When an entry has been
inactive for long, a scheduled run claims it and publishes a query about its order. Only the answer
decides: the service itself cannot distinguish an undone order from one whose events are late.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run

RESOLVED = "RESOLVED"
"""The outcome if the order is confirmed, and this was not known before."""
UNCHANGED = "UNCHANGED"
"""The outcome when there is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOutcome:
    """The outcome of a run: how many queries were published, and how many the bus rejected."""

    queried: int
    """How many queries the bus took."""
    rejected: int
    """How many queries the bus did not take."""


def publish_queries(pages: Iterable[Sequence[EventEnvelope[Any]]], bus: Bus) -> QueryOutcome:
    """Publish queries page by page; stop after the first page with a rejected query.

    ``pages`` is lazy: a page's entries are claimed only when the page before it is published. So
    concurrent runs query an order once, and no entry waits for ever behind older ones. A query that
    is rejected, or lost between claim and bus, is published again under the next number, once its
    entry has been inactive for that long again.
    """
    queried = rejected = 0
    for page in pages:
        rejected = len(bus.publish(page))
        queried += len(page) - rejected
        if rejected:
            break
    return QueryOutcome(queried=queried, rejected=rejected)


def run_status_queries(
    event: object,
    entries: str,
    *,
    find: Callable[[], Sequence[str]],
    query: Callable[[], QueryOutcome],
) -> dict[str, Any]:
    """Handle a scheduled run; return how many queries were published and rejected.

    A dry run changes nothing and returns the ids of the orders that it would query. ``entries`` is
    the log's name for the unresolved entries: ``reservations`` or ``charges``.

    Raises:
        ContractError: ``dry_run`` is neither true nor false.
    """
    if is_dry_run(event):
        orders = find()
        log(f"stale_{entries}_found", found=len(orders))
        return {"would_query": orders}
    outcome = query()
    log(f"stale_{entries}_queried", queried=outcome.queried, rejected=outcome.rejected)
    return {"queried": outcome.queried, "rejected": outcome.rejected}
