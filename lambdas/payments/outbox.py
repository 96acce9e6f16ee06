"""The outbox: the entries of the ledger whose events are not published yet.

A row is written in the transaction that posts its entry, and deleted after the bus has accepted the
event. It only refers to the entry. Entries never change, so the event made from one is the same,
with the same id, at every attempt to publish it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pg8000.native import DatabaseError, InterfaceError

from lambdas.contracts.codec import ContractError
from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.values import Money
from lambdas.payments.database import Database, Row, Run
from lambdas.payments.domain import Entry, Kind, LedgerEvent, event_for_entry
from lambdas.runtime.aws import CONFIG, client
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log_error
from lambdas.runtime.settings import setting

SWEEP_AFTER = 30
"""Seconds that a row is left to the function that wrote it, whose time-out is 7 s."""
PAGE = 100
PAGES = 20
# One attempt: the saga waits for the payment, not for its event, which the sweeper publishes.
_SINGLE_ATTEMPT = CONFIG.merge(
    Config(read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})
)

_ADD = """
INSERT INTO payments.outbox (event_id, order_id, kind) VALUES (:event_id, :order_id, :kind)
"""
_DUE = """
SELECT o.event_id, o.order_id, o.kind, e.debit, e.credit, e.amount, e.currency, e.occurred_at
FROM payments.outbox o LEFT JOIN payments.entries e ON e.order_id = o.order_id AND e.kind = o.kind
WHERE o.recorded_at < now() - CAST(:age AS interval)
AND o.event_id <> ALL(CAST(:left_out AS text[]))
ORDER BY o.recorded_at LIMIT :row_limit
"""
_DUE_IDS = """
SELECT event_id FROM payments.outbox WHERE recorded_at < now() - CAST(:age AS interval)
ORDER BY recorded_at LIMIT :row_limit
"""
# DSQL cannot store arrays, but a query may use them.
# https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-postgresql-compatibility-supported-data-types.html
_DELETE = "DELETE FROM payments.outbox WHERE event_id = ANY(:event_ids)"


@dataclass(frozen=True, slots=True)
class SweepOutcome:
    """The result of a sweep: how many events were published, and how many the bus rejected."""

    published: int
    rejected: int
    unreadable: tuple[str, ...] = ()
    """The entries from which no event can be made, each with the reason. They stay."""


class UnreadableEntriesError(Exception):
    """No event can be made from some entries; the message names them. The ledger was edited."""


class Outbox:
    """The outbox's table, and the bus on which its events are published. Methods are idempotent."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    def add(self, run: Run, entry: Entry, event: LedgerEvent) -> None:
        """Add the entry's event to the outbox, in the transaction of ``run``."""
        run(
            _ADD,
            event_id=event.metadata.event_id,
            order_id=entry.order_id,
            kind=entry.kind.value,
        )

    def publish(self, events: Sequence[LedgerEvent]) -> int:
        """Publish events of committed entries and remove them; return how many the bus accepted.

        Raises what ``Database.run`` raises, and boto3's errors.
        """
        rejected = self._bus.publish(events)
        taken = [event.metadata.event_id for event in events if event not in rejected]
        if taken:
            self._database.run(_DELETE, event_ids=taken)
        return len(taken)

    def try_publish(self, event: LedgerEvent) -> None:
        """Publish an event. If that fails, log it: the next sweep publishes the event.

        The payment is committed by now, so the command has succeeded. What consumers could not
        parse, because somebody edited the charge, is not published; the sweep names it.
        """
        try:
            _check(event)
            error = "" if self.publish([event]) else "rejected"
        except ContractError as refusal:
            error = str(refusal)
        except (BotoCoreError, ClientError, DatabaseError, InterfaceError, OSError) as failure:
            error = f"{type(failure).__name__}: {failure}"
        if error:
            log_error("event_left_in_outbox", event_id=event.metadata.event_id, error=error)

    def sweep(self) -> SweepOutcome:
        """Publish the due events, oldest first, in pages; stop early if the bus rejects some.

        Two sweeps at the same time publish the same events twice, with the same ids. Entries from
        which no event can be made do not stop the others, however many there are: further pages
        leave them out. Raises what ``publish`` raises.
        """
        published = rejected = pages = 0
        unreadable: dict[str, str] = {}
        while pages < PAGES:
            rows = self._due_rows(left_out=list(unreadable))
            page: list[LedgerEvent] = []
            for event_id, *row in rows:
                try:
                    page.append(_to_event(row))
                except Exception as error:  # noqa: BLE001 -- no I/O: whatever it is, it comes again
                    unreadable[event_id] = f"{row[0]}/{row[1]}: {type(error).__name__}: {error}"
            taken = self.publish(page)
            published += taken
            rejected = len(page) - taken
            pages += bool(taken)
            if rejected or len(rows) < PAGE:
                break
        return SweepOutcome(published, rejected, tuple(unreadable.values()))

    def due_event_ids(self) -> list[str]:
        """Return the ids of the events that a sweep would publish, oldest first."""
        rows = self._database.run(_DUE_IDS, age=f"{SWEEP_AFTER} seconds", row_limit=PAGE * PAGES)
        return [event_id for (event_id,) in rows]

    def _due_rows(self, *, left_out: Sequence[str]) -> list[Row]:
        return self._database.run(
            _DUE, age=f"{SWEEP_AFTER} seconds", left_out=left_out, row_limit=PAGE
        )


def _to_event(row: Row) -> LedgerEvent:
    """Return the event of an entry; raise if consumers could not parse the event."""
    order_id, kind, debit, credit, amount, currency, occurred_at = row
    entry = Entry(
        order_id=order_id,
        kind=Kind(kind),
        debit=debit,
        credit=credit,
        amount=Money(amount=amount, currency=currency),
    )
    event = event_for_entry(entry, occurred_at)
    _check(event)
    return event


def _check(event: LedgerEvent) -> None:
    """Raise ContractError if consumers could not parse the event."""
    parse_detail(type(event.data), event.detail)


def make_outbox(database: Database) -> Outbox:
    """Make the outbox in ``database`` whose events go to EVENT_BUS."""
    bus = Bus(setting("EVENT_BUS"), eventbridge=client("events", _SINGLE_ATTEMPT))
    return Outbox(database, bus)
