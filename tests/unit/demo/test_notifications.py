"""Mails and invoices are checked against the events: what is missing or doubled is named."""

import io
import sqlite3
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from demo import api_client, notifications, order_book
from demo.database import SCHEMA, insert
from demo.errors import DemoError
from demo.invariants import find_violations
from demo.notifications import CHECKS, Notifications
from demo.read_side import SCHEMA as VIEWS
from demo.screen import Screen

CLEAN: dict[str, list[tuple[Any, ...]]] = {
    "invoices": [
        (2, "1", "ada", "Italy", "[]"),
        (3, "2", "bob", "Italy", "[]"),
        (4, "3", "ada", "Italy", "[]"),
    ],
    "accepted": [("c", "1"), ("r", "2"), ("w", "3")],
    "reachable": [("ada",)],
    "logged_events": [
        ("0/1", "orders", "c", 2, "OrderConfirmed", "t", "{}"),
        # Delivered twice.
        ("0/2", "orders", "c", 2, "OrderConfirmed", "t", "{}"),
        ("0/3", "orders", "c", 3, "OrderDispatched", "t", "{}"),
        ("0/4", "orders", "r", 2, "OrderRejected", "t", "{}"),
        ("0/5", "orders", "w", 2, "OrderConfirmed", "t", "{}"),
        ("0/6", "orders", "w", 3, "OrderWithdrawn", "t", "{}"),
        ("0/7", "orders", "w", 4, "OrderCancelled", "t", "{}"),
        ("0/8", "notifications", "c", 2, "CustomerNotified", "t", "{}"),
    ],
    "email_records": [
        ("c", "OrderConfirmed", "SENT", "m1", True),
        ("c", "OrderDispatched", "SENT", "m3", False),
        ("r", "OrderRejected", "NO_ADDRESS", "", False),
        # Its invoice failed at first.
        ("w", "OrderConfirmed", "SENT", "m4", False),
        ("w", "Invoice", "SENT", "m5", True),
        ("w", "OrderCancelled", "SENT", "m6", False),
    ],
    "sent_emails": [
        ("m1", "Your order c is confirmed"),
        ("m3", "Your order c is on its way"),
        ("m4", "Your order w is confirmed"),
        ("m5", "Invoice INV-w"),
        ("m6", "Your order w is cancelled"),
    ],
    "pdf_invoices": [("c",), ("w",)],
}
BREAKS = [
    *(
        (f"DELETE FROM email_records WHERE kind = '{kind}'", 1, order, f"of the mail {kind}")
        for kind, order in (
            ("OrderRejected", "r"),
            ("OrderDispatched", "c"),
            ("OrderCancelled", "w"),
        )
    ),
    ("DELETE FROM pdf_invoices WHERE order_id = 'w'", 1, "w", "was confirmed, and has no invoice"),
    (
        "UPDATE email_records SET state = 'SENDING' WHERE message_id = 'm3'",
        1,
        "c",
        "is SENDING, not SENT",
    ),
    ("DELETE FROM reachable", 1, "w", "the mail Invoice is SENT, not NO_ADDRESS"),
    ("DELETE FROM email_records WHERE kind = 'Invoice'", 1, "w", "no record of the mail Invoice"),
    (
        "UPDATE email_records SET with_invoice = TRUE WHERE message_id = 'm4'",
        2,
        "w",
        "got its invoice by two mails",
    ),
    ("INSERT INTO pdf_invoices VALUES ('c')", 2, "c", "2 invoices"),
    ("INSERT INTO pdf_invoices VALUES ('r')", 2, "r", "has an invoice, and was not confirmed"),
    (
        "INSERT INTO sent_emails VALUES ('m7', 'Invoice INV-w')",
        2,
        "Invoice INV-w",
        "was mailed 2 times",
    ),
    ("INSERT INTO sent_emails VALUES ('m7', 'x')", 2, "x", "has no record"),
    ("DELETE FROM sent_emails WHERE message_id = 'm1'", 2, "c", "not known to SES"),
]


@pytest.fixture
def snapshot() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    database.executescript(order_book.SCHEMA + SCHEMA + VIEWS + notifications.SCHEMA)
    for table, rows in CLEAN.items():
        insert(database, table, rows)
    yield database
    database.close()


def test_one_mail_for_each_event_breaks_no_promise(snapshot: sqlite3.Connection):
    assert list(find_violations(snapshot, CHECKS)) == []


@pytest.mark.parametrize(("change", "invariant", "subject", "problem"), BREAKS)
def test_missing_or_duplicate_email_is_named(
    snapshot: sqlite3.Connection, change: str, invariant: int, subject: str, problem: str
):
    snapshot.execute(change)

    found = list(find_violations(snapshot, CHECKS))

    assert (invariant, subject) in {(violation.invariant, violation.subject) for violation in found}
    assert any(problem in violation.problem for violation in found)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE email_records SET state = 'SENDING' WHERE message_id = 'm3'",
        "DELETE FROM pdf_invoices WHERE order_id = 'c'",
    ],
)
def test_mail_or_invoice_of_an_order_on_a_queue_is_not_lost(
    snapshot: sqlite3.Connection, change: str
):
    insert(snapshot, "orders", [("c", *[None] * 7)])
    snapshot.execute(change)
    assert [one.subject for one in find_violations(snapshot, CHECKS)] == ["c"]
    insert(snapshot, "dead_letters", [("Q", '{"payload": {"order_id": "c"}}')])
    assert list(find_violations(snapshot, CHECKS)) == []


def test_invoice_waits_for_the_person_who_decides_about_its_confirmation(
    snapshot: sqlite3.Connection,
):
    snapshot.execute("DELETE FROM email_records WHERE kind = 'Invoice'")
    snapshot.execute("DELETE FROM sent_emails WHERE message_id IN ('m4', 'm5')")
    snapshot.execute("UPDATE email_records SET state = 'SENDING' WHERE message_id = 'm4'")

    problems = [violation.problem for violation in find_violations(snapshot, CHECKS)]

    assert problems == ["the mail OrderConfirmed is SENDING, not SENT"]


def test_dead_lettered_notification_is_not_lost(snapshot: sqlite3.Connection):
    insert(snapshot, "orders", [("r", *[None] * 7)])
    snapshot.execute("DELETE FROM email_records WHERE order_id = 'r'")
    snapshot.execute(
        "INSERT INTO dead_letters VALUES ('NotifyCustomerFailureRecords',"
        """ '{"requestPayload": {"detail": {"metadata": {"subject": "r"}}}}')"""
    )

    assert list(find_violations(snapshot, CHECKS)) == []


def test_report_shows_emails_and_invoices(snapshot: sqlite3.Connection):
    out = io.StringIO()

    notifications.show(Screen(out), snapshot)

    for line in (
        "  reachable             1 of 2 have given an address",
        "    OrderConfirmed         2  2 SENT",
        "    Invoice                1  1 SENT",
        "    OrderRejected          1  1 NO_ADDRESS",
        "  accepted by SES       5 mails; none has left this machine",
        "  invoices              2 of 2 confirmed orders",
    ):
        assert line in out.getvalue()


class Shop:
    def __init__(self, status: int) -> None:
        self.status = status
        self.kept: list[str] = []

    def put_contact(self, *, customer: str, email: str, name: str) -> api_client.ApiResponse:
        self.kept.append(email)
        return api_client.ApiResponse(self.status, {"message": "no"})


def register(api: Shop, customer: str) -> str | None:
    database = sqlite3.connect(":memory:")
    cloud: Any = SimpleNamespace(client=str, access_key="key", certificate="", endpoint="")
    found: Any = api
    return Notifications(cloud, {}, database, api=found).register(customer)


def test_one_customer_in_twenty_gives_no_address():
    api = Shop(200)
    given = [register(api, str(number)) for number in range(1_000)]

    assert 20 < given.count(None) < 80
    assert len(set(api.kept)) == len(api.kept) == 1_000 - given.count(None)


def test_refused_address_ends_the_run():
    with pytest.raises(DemoError, match="1's address was refused"):
        register(Shop(500), "1")
