"""The index of unresolved charges, and the status queries about their orders.

A charge has a row in the index until it is declined, refunded, or known to be kept because its
order is confirmed. A row's last activity is its creation or its last status query. See
``lambdas.runtime.status_queries`` for what happens to a row without recent activity.
"""

from collections.abc import Iterator
from datetime import timedelta

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.payments import ChargeUnresolved
from lambdas.payments.database import Database, Run
from lambdas.payments.domain import charge_unresolved
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.settings import setting
from lambdas.runtime.status_queries import QueryOutcome, publish_queries

PAGE = 100
PAGES = 20

_ADD = "INSERT INTO payments.unresolved_charges (order_id) VALUES (:order_id)"
_DROP = "DELETE FROM payments.unresolved_charges WHERE order_id = :order_id"
# A pending charge may yet be declined, so only a taken one can be resolved.
_RESOLVE = """
DELETE FROM payments.unresolved_charges WHERE order_id = :order_id
AND EXISTS (SELECT 1 FROM payments.charges WHERE order_id = :order_id AND state = 'TAKEN')
RETURNING order_id
"""
_STALE = """
SELECT order_id FROM payments.unresolved_charges
WHERE last_activity_at < now() - CAST(:stale_after AS interval)
ORDER BY last_activity_at LIMIT :row_limit
"""
# If two runs claim the same rows, the later commit fails. Its retry finds other rows. A count that
# is no event's number, or the last that fits its column, was edited by somebody: it begins again.
_CLAIM = f"""
UPDATE payments.unresolved_charges SET last_activity_at = now(), query_count = CASE
WHEN query_count BETWEEN 0 AND 2147483646 THEN query_count + 1 ELSE 1 END
WHERE order_id IN ({_STALE}) RETURNING order_id, query_count, last_activity_at
"""  # noqa: S608 -- a constant


def add(run: Run, order_id: str) -> None:
    """Add the order's charge to the index, in the transaction of ``run``."""
    run(_ADD, order_id=order_id)


def drop(run: Run, order_id: str) -> None:
    """Remove the order's charge from the index, in the transaction of ``run``."""
    run(_DROP, order_id=order_id)


class UnresolvedCharges:
    """The index, and the bus for status queries.

    Each method raises what ``Database.run`` raises.
    """

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    def resolve(self, order_id: str) -> bool:
        """Remove a taken charge from the index, because it is kept; return whether it was there."""
        return bool(self._database.run(_RESOLVE, order_id=order_id))

    def find_stale(self, *, stale_after: timedelta) -> list[str]:
        """Return the ids of the orders that a run would query, the longest inactive first."""
        rows = self._database.run(
            _STALE, stale_after=_interval(stale_after), row_limit=PAGE * PAGES
        )
        return [order_id for (order_id,) in rows]

    def query_stale(self, *, stale_after: timedelta) -> QueryOutcome:
        """Query the orders of charges without activity for ``stale_after``, the longest first.

        See ``publish_queries``.
        """
        return publish_queries(self._claim_pages(stale_after), self._bus)

    def _claim_pages(
        self, stale_after: timedelta
    ) -> Iterator[list[EventEnvelope[ChargeUnresolved]]]:
        for _ in range(PAGES):
            page = self._database.run(_CLAIM, stale_after=_interval(stale_after), row_limit=PAGE)
            yield [
                charge_unresolved(order_id, query_number=n, now=now) for order_id, n, now in page
            ]
            if len(page) < PAGE:
                return


def _interval(stale_after: timedelta) -> str:
    return f"{stale_after.total_seconds()} seconds"


def make_unresolved_charges() -> UnresolvedCharges:
    """Make the index, with a connection of its own. Queries are published on EVENT_BUS."""
    return UnresolvedCharges(Database(), Bus(setting("EVENT_BUS"), eventbridge=client("events")))
