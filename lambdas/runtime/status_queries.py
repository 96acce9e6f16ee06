"""Status queries: a service asks orders whether something of an order is to stay or to be undone.

A service keeps an index of what is unresolved: reservations, or charges. When an entry has been
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
"""The outcome when the order stands, which was not known before."""
UNCHANGED = "UNCHANGED"
"""The outcome when there is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOutcome:
    """The outcome of a run."""

    queried: int
    """How many queries the bus took."""
    rejected: int
    """How many queries the bus did not take."""


def publish_queries(pages: Iterable[Sequence[EventEnvelope[Any]]], bus: Bus) -> QueryOutcome:
    """Publish queries page by page; stop after the first page that the bus does not take whole.

    ``pages`` is lazy: the entries of a page are claimed when the page before it is published. So
    concurrent runs query an order once, and the oldest entries do not keep others from their turn.
    A query that is lost between claim and bus, or rejected, is published again under the next
    number, when its entry has been inactive for as long once more.
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

    A dry run changes nothing and returns the ids of the orders that it would query. ``entries``
    names what is unresolved, for the log: ``reservations`` or ``charges``.

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
