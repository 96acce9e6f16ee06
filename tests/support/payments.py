"""Commands, fakes and readings of the ledger for tests of payments; crashes and conflicts."""

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.payments import ChargeUnresolved, RefundPayment, TakePayment
from lambdas.contracts.values import Money
from lambdas.payments.database import Database
from lambdas.payments.domain import (
    Charge,
    Charged,
    ChargeResult,
    Declined,
    Entry,
    Kind,
    Voided,
    pending_charge,
    posting,
)
from lambdas.payments.outbox import Outbox
from lambdas.payments.provider import ChargeDisputedError
from lambdas.payments.store import LedgerStore
from lambdas.runtime.bus import Bus
from tests.support.aws_fakes import FakeEvents

TOTAL = Money(amount=4_15, currency="GBP")


class Crash(Exception):
    """The function died here."""


def take_command(order_id: str | None = None, total: Money = TOTAL) -> TakePayment:
    return TakePayment(order_id=order_id or uuid4().hex, customer_id="c-1", total=total)


def refund_command(order_id: str) -> RefundPayment:
    return RefundPayment(order_id=order_id)


def ledger_of(database: Database, events: Any = None) -> LedgerStore:
    """The ledger in ``database`` whose events go to ``events``, a client of EventBridge."""
    return LedgerStore(
        database, Outbox(database, Bus("Orders", eventbridge=events or FakeEvents()))
    )


class CardProvider:
    """Keeps the promises of ``Provider`` and remembers what it did."""

    def __init__(self, declines: bool = False) -> None:
        self.declines = declines
        self.taken: list[tuple[str, int]] = []
        self.given_back: list[str] = []
        self.voided: set[str] = set()
        self.disputed: set[str] = set()
        self.calls: list[str] = []
        self._lock = threading.Lock()

    def charge(self, key: str, customer_id: str, amount: Money) -> ChargeResult:
        with self._lock:
            self.calls.append("charge")
            if key in self.voided:
                return Voided()
            if self.declines:
                return Declined("above the card's limit")
            if key not in dict(self.taken):
                self.taken.append((key, amount.amount))
            return Charged()

    def refund(self, key: str) -> None:
        with self._lock:
            self.calls.append("refund")
            if key in self.disputed:
                raise ChargeDisputedError
            if key in dict(self.taken) and key not in self.given_back:
                self.given_back.append(key)
            self.voided.add(key)

    def collected(self, key: str) -> int:
        """What the provider has of the customer's money under this key."""
        taken = sum(amount for charged, amount in self.taken if charged == key)
        return 0 if key in self.given_back else taken


class MemoryCharges:
    """``Charges`` without a database."""

    def __init__(self) -> None:
        self.rows: dict[str, Charge] = {}
        self.ledger: list[Entry] = []

    def find_or_create(self, charge: Charge) -> Charge:
        return self.rows.setdefault(charge.order_id, charge)

    def transition(self, before: Charge, after: Charge) -> Charge:
        found = self.rows[after.order_id]
        if found.state is not before.state:
            return found
        self.rows[after.order_id] = after
        if entry := posting(before, after):
            assert (entry.order_id, entry.kind) not in self.posted()
            self.ledger.append(entry)
        return after

    def posted(self) -> set[tuple[str, Kind]]:
        return {(entry.order_id, entry.kind) for entry in self.ledger}


class Crashing:
    """A port whose ``at``-th call raises Crash, before its effect or after it."""

    def __init__(self, *, at: int, after: bool) -> None:
        self._left = at
        self._after = after
        self.crashed = False

    def guard(self, port: Any) -> Any:
        """``port`` with every method counted; several ports may share one count."""
        crashing = self

        class Guarded:
            def __getattr__(self, name: str) -> Callable[..., Any]:
                method = getattr(port, name)
                return lambda *arguments: crashing._call(method, arguments)

        return Guarded()

    def _call(self, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        self._left -= 1
        if self._left == 0 and not self._after:
            self.crashed = True
            raise Crash
        result = method(*arguments)
        if self._left == 0:
            self.crashed = True
            raise Crash
        return result


class Watched:
    """A connection that shows each statement to ``watch`` before it runs it."""

    def __init__(self, connection: Any, watch: Callable[[Any, str], None]) -> None:
        self._connection = connection
        self._watch = watch

    def run(self, sql: str, **values: object) -> Any:
        self._watch(self._connection, sql)
        return self._connection.run(sql, **values)

    def close(self) -> None:
        self._connection.close()


def entries(database: Database, order_id: str) -> list[list[Any]]:
    return database.run(
        "SELECT kind, debit, credit, amount, currency FROM payments.entries"
        " WHERE order_id = :order_id ORDER BY kind",
        order_id=order_id,
    )


def balances(database: Database, order_id: str) -> dict[str, int]:
    """What each account gained by the order; accounts at zero are left out."""
    totals: dict[str, int] = {}
    for _, debit, credit, amount, _ in entries(database, order_id):
        totals[debit] = totals.get(debit, 0) + amount
        totals[credit] = totals.get(credit, 0) - amount
    return {account: total for account, total in totals.items() if total}


def kinds_in_outbox(database: Database, order_id: str) -> list[str]:
    """The kinds of the order's entries that are in the outbox."""
    rows = database.run(
        "SELECT kind FROM payments.outbox WHERE order_id = :order_id ORDER BY kind",
        order_id=order_id,
    )
    return [kind for (kind,) in rows]


def make_stale(admin: Database, *orders: str) -> None:
    """Make all charges stale; those of ``orders`` for longer, the first for longest."""
    admin.run(
        "UPDATE payments.unresolved_charges SET last_activity_at = now() - interval '61 minutes'"
    )
    for n, order_id in enumerate(orders):
        admin.run(
            "UPDATE payments.unresolved_charges"
            " SET last_activity_at = last_activity_at - make_interval(secs => :s)"
            " WHERE order_id = :id",
            id=order_id,
            s=len(orders) - n,
        )


def begin_stale_charges(admin: Database, store: Any, number: int) -> list[str]:
    """Create stale charges; return their orders, those without activity for longest first."""
    orders = [store.find_or_create(pending_charge(take_command())).order_id for _ in range(number)]
    make_stale(admin, *orders)
    return orders


def queries_sent(events: FakeEvents) -> list[tuple[str, int]]:
    envelopes = [
        parse_detail(ChargeUnresolved, json.loads(entry["Detail"])) for entry in events.taken
    ]
    return [(envelope.data.order_id, envelope.metadata.sequence) for envelope in envelopes]


def unresolved_orders(admin: Database) -> list[str]:
    return [
        order
        for (order,) in admin.run("SELECT order_id FROM payments.unresolved_charges ORDER BY 1")
    ]
