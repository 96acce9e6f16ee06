"""Charges of whose orders nobody has said yet whether they stand, and the question about them.

A charge has a row here from the transaction that begins it to the one that declines it, refunds it,
or notes that its order stands. It is quiet since it was begun, or last asked about. Nobody here can
tell an order that is over from one whose news is late. So what has been quiet for long is asked
about, and only the answer decides.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from lambdas.payments.database import Database, Run
from lambdas.payments.domain import question
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.settings import setting

PAGE = 100
PAGES = 20

_ADD = "INSERT INTO payments.unsettled (order_id) VALUES (:order_id)"
_DROP = "DELETE FROM payments.unsettled WHERE order_id = :order_id"
# What is under way may yet be declined: only what is taken can be known to stay.
_SETTLE = """
DELETE FROM payments.unsettled WHERE order_id = :order_id
AND EXISTS (SELECT 1 FROM payments.charges WHERE order_id = :order_id AND state = 'TAKEN')
RETURNING order_id
"""
_QUIET = """
SELECT order_id FROM payments.unsettled WHERE quiet_since < now() - CAST(:patience AS interval)
ORDER BY quiet_since LIMIT :most
"""
# Two runs that claim the same rows at once conflict: the later one is repeated, and finds others.
_CLAIM = f"""
UPDATE payments.unsettled SET quiet_since = now(), asked = asked + 1
WHERE order_id IN ({_QUIET}) RETURNING order_id, asked, quiet_since
"""  # noqa: S608 -- a constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run did: questions that the bus took, and those that it did not."""

    asked: int
    rejected: int


def add(run: Run, order_id: str) -> None:
    """Record, in the transaction of ``run``, that the order's charge begins."""
    run(_ADD, order_id=order_id)


def drop(run: Run, order_id: str) -> None:
    """Record, in the transaction of ``run``, that the order's charge has come to its end."""
    run(_DROP, order_id=order_id)


class Unsettled:
    """The table, and the bus on which is asked. Its methods raise what ``Database.run`` raises."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    def settle(self, order_id: str) -> bool:
        """See ``settlement.Unsettled``."""
        return bool(self._database.run(_SETTLE, order_id=order_id))

    def would_ask(self, *, patience: timedelta) -> list[str]:
        """The orders that a run would ask about, the longest quiet first."""
        rows = self._database.run(_QUIET, patience=_interval(patience), most=PAGE * PAGES)
        return [order_id for (order_id,) in rows]

    def ask(self, *, patience: timedelta) -> Asked:
        """Ask about what is quiet for longer than ``patience``, in pages, the longest quiet first.

        It ends early when the bus does not take all. A page is claimed first, so runs at the same
        time ask once, and the oldest do not keep others from their turn. A question that is lost
        between claim and bus, or rejected, is asked again, under the next number, when the charge
        has been quiet for as long once more.
        """
        asked = rejected = 0
        for _ in range(PAGES):
            page = self._database.run(_CLAIM, patience=_interval(patience), most=PAGE)
            questions = [question(order_id, asked=n, now=now) for order_id, n, now in page]
            rejected = len(self._bus.publish(questions))
            asked += len(questions) - rejected
            if rejected or len(page) < PAGE:
                break
        return Asked(asked=asked, rejected=rejected)


def _interval(patience: timedelta) -> str:
    return f"{patience.total_seconds()} seconds"


@cache
def unsettled() -> Unsettled:
    """The service's, with a connection of its own; made once per execution environment."""
    return Unsettled(Database(), Bus(setting("EVENT_BUS"), eventbridge=client("events")))
