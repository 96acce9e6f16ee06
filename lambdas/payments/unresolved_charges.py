"""Charges of whose orders nobody has said yet whether they stand, and the question about them.

A charge has a row here from the transaction that begins it to the one that declines it, refunds it,
or notes that its order stands. It is quiet since it was begun, or last asked about. Nobody here can
tell an order that is over from one whose news is late. So what has been quiet for long is asked
about, and only the answer decides.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache

from lambdas.contracts.event import EventEnvelope
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
# What is under way may yet be declined: only what is taken can be known to stay.
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
# Two runs that claim the same rows at once conflict: the later one is repeated, and finds others.
_CLAIM = f"""
UPDATE payments.unresolved_charges SET last_activity_at = now(), query_count = query_count + 1
WHERE order_id IN ({_STALE}) RETURNING order_id, query_count, last_activity_at
"""  # noqa: S608 -- a constant


def add(run: Run, order_id: str) -> None:
    """Record, in the transaction of ``run``, that the order's charge begins."""
    run(_ADD, order_id=order_id)


def drop(run: Run, order_id: str) -> None:
    """Record, in the transaction of ``run``, that the order's charge has come to its end."""
    run(_DROP, order_id=order_id)


class UnresolvedCharges:
    """The table, and the bus on which is asked. Its methods raise what ``Database.run`` raises."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    def resolve(self, order_id: str) -> bool:
        """See ``charging.UnresolvedCharges``."""
        return bool(self._database.run(_RESOLVE, order_id=order_id))

    def find_stale(self, *, stale_after: timedelta) -> list[str]:
        """The orders that a run would ask about, the longest quiet first."""
        rows = self._database.run(
            _STALE, stale_after=_interval(stale_after), row_limit=PAGE * PAGES
        )
        return [order_id for (order_id,) in rows]

    def query_stale(self, *, stale_after: timedelta) -> QueryOutcome:
        """Query what is inactive for longer than ``stale_after``, the oldest page first.

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


@cache
def unresolved_charges() -> UnresolvedCharges:
    """The service's, with a connection of its own; made once per execution environment."""
    return UnresolvedCharges(Database(), Bus(setting("EVENT_BUS"), eventbridge=client("events")))
