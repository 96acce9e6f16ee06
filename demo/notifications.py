"""Check of mails and invoices: each customer got each of them once.

The mails are read from the local cloud's SES: no mail leaves the machine.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from sqlite3 import Connection

from demo import api_client
from demo.database import count, insert
from demo.errors import DemoError
from demo.invariants import Check
from demo.mailbox import Mailbox
from demo.readers import scan
from demo.screen import Screen
from emulator.cloud import Cloud

NO_ADDRESS_ONE_IN = 20
"""One customer in this many gives no address."""

SCHEMA = """
CREATE TABLE reachable (customer TEXT PRIMARY KEY);
CREATE TABLE email_records (
    order_id TEXT, kind TEXT, state TEXT, message_id TEXT, with_invoice BOOLEAN);
CREATE TABLE sent_emails (message_id TEXT, subject TEXT);
CREATE TABLE pdf_invoices (order_id TEXT);
CREATE INDEX email_records_by_order ON email_records (order_id, kind);
CREATE INDEX sent_emails_by_id ON sent_emails (message_id);
CREATE INDEX pdf_invoices_by_order ON pdf_invoices (order_id);
CREATE VIEW notified_events AS SELECT DISTINCT order_id, detail_type AS kind FROM order_events
    WHERE detail_type IN ('OrderConfirmed', 'OrderRejected', 'OrderCancelled', 'OrderDispatched');
CREATE VIEW expected_emails AS SELECT order_id, kind FROM notified_events
    UNION ALL SELECT order_id, 'Invoice' FROM email_records
        WHERE kind = 'OrderConfirmed' AND NOT with_invoice AND state <> 'SENDING';
CREATE VIEW checked_emails AS SELECT m.*, CASE WHEN customer IN (SELECT customer FROM reachable)
        THEN 'SENT' ELSE 'NO_ADDRESS' END AS expected_state
    FROM email_records m JOIN accepted a USING (order_id) JOIN invoices i ON i.number = a.invoice;
"""
"""The tables of the notifications.

- `reachable`: the customers who have given an address and confirmed it.
- `email_records`: what notifications has recorded of each mail.
- `sent_emails`: what SES has accepted.
- `pdf_invoices`: the invoices in the bucket (`invoices` are those of the export).
- `notified_events`: the events about which the customer gets a mail.
- `expected_emails`: the mails that must be recorded, one of the invoice only if the confirmation
  went alone, and is not left to a person.
- `checked_emails`: the recorded ones, with the state that each must have.
"""

CHECKS = (
    Check(
        1,
        """SELECT order_id, 'has no record of the mail ' || kind FROM expected_emails t
        WHERE NOT EXISTS (SELECT 1 FROM email_records m WHERE m.order_id = t.order_id
            AND m.kind = t.kind)
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'the mail ' || kind || ' is ' || state || ', not ' || expected_state
        FROM checked_emails WHERE state <> expected_state
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'was confirmed, and has no invoice' FROM notified_events
        WHERE kind = 'OrderConfirmed' AND order_id NOT IN (SELECT order_id FROM pdf_invoices)
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        2,
        """SELECT order_id, count(*) || ' invoices' FROM pdf_invoices GROUP BY order_id
        HAVING count(*) > 1""",
    ),
    Check(
        2,
        """SELECT order_id, 'has an invoice, and was not confirmed' FROM pdf_invoices
        JOIN accepted USING (order_id)
        WHERE order_id NOT IN
            (SELECT order_id FROM notified_events WHERE kind = 'OrderConfirmed')""",
    ),
    Check(
        2,
        """SELECT order_id, 'got its invoice by two mails' FROM email_records
        WHERE with_invoice GROUP BY order_id HAVING count(*) > 1""",
    ),
    Check(
        2,
        """SELECT subject, 'was mailed ' || count(*) || ' times' FROM sent_emails GROUP BY subject
        HAVING count(*) > 1""",
    ),
    Check(
        2,
        """SELECT subject, 'was mailed, and has no record' FROM sent_emails
        WHERE message_id NOT IN (SELECT message_id FROM email_records)""",
    ),
    Check(
        2,
        """SELECT order_id, 'the mail ' || kind || ' is SENT, and not known to SES'
        FROM email_records
        WHERE state = 'SENT' AND message_id NOT IN (SELECT message_id FROM sent_emails)""",
    ),
)
"""What holds once all events are processed."""


class Notifications:
    """Registers customers' addresses, and copies the records of their mails and invoices."""

    def __init__(
        self,
        cloud: Cloud,
        outputs: Mapping[str, str],
        database: Connection,
        *,
        api: api_client.ApiClient,
    ) -> None:
        """`outputs` are the outputs of the deployed stacks; `api` is a client of the HTTP API."""
        self.mailbox = Mailbox(api_client.http(cloud), cloud=cloud)
        self._client = cloud.client
        self._outputs = outputs
        self._database = database
        self._api = api

    def register(self, customer: str) -> str | None:
        """Register a customer's address; return the customer, or None without an address.

        The address is used once it is confirmed: see ``mailbox``.
        """
        digest = sha256(customer.encode()).digest()
        if int.from_bytes(digest[:4]) % NO_ADDRESS_ONE_IN == 0:
            return None
        address = f"{digest.hex()[:16]}@customers.example"
        answer = self._api.put_contact(customer=customer, email=address, name="Customer")
        if answer.status not in (200, 202):
            raise DemoError(f"{customer}'s address was refused: {answer.body}")
        return customer

    def record_reachable(self, customers: Iterable[str | None]) -> Iterator[None]:
        """Record the customers who have an address; yield None once for each item."""
        for customer in customers:
            insert(self._database, "reachable", [(customer,)] if customer else [])
            yield

    def gather(self) -> None:
        """Copy the records of mails, the mails that SES accepted, and the list of invoices."""
        for table in ("email_records", "sent_emails", "pdf_invoices"):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608
        columns = ("order_id", "kind", "state", "message_id", "with_invoice")
        for page in scan(self._client("dynamodb"), self._outputs["EmailRecordsTable"]):
            rows = (tuple(row[name] for name in columns) for row in page)
            insert(self._database, "email_records", rows)
        sent = ((mail["MessageId"], mail["Subject"]) for mail in self.mailbox.order_mails())
        insert(self._database, "sent_emails", sent)
        pages = self._client("s3").get_paginator("list_objects_v2")
        for found in pages.paginate(Bucket=self._outputs["InvoicesBucket"]):
            keys = (each["Key"] for each in found.get("Contents", []))
            ids = ((key.rpartition("/")[2].removesuffix(".pdf"),) for key in keys)
            insert(self._database, "pdf_invoices", ids)


def show(screen: Screen, database: Connection) -> None:
    """Show how many customers have an address, how many mails were sent, and how many invoices."""
    screen.title("Notifications of customers")
    customers = count(database, "(SELECT DISTINCT customer FROM invoices)")
    screen.item(
        "reachable", f"{count(database, 'reachable'):,} of {customers:,} have given an address"
    )
    for kind, wanted in database.execute(
        "SELECT kind, count(*) FROM expected_emails GROUP BY kind ORDER BY kind"
    ).fetchall():
        states = database.execute(
            "SELECT state, count(*) FROM checked_emails WHERE kind = ?"
            " GROUP BY state ORDER BY state DESC",
            [kind],
        )
        states_text = ", ".join(f"{number:,} {state}" for state, number in states)
        screen.item(f"  {kind}", f"{wanted:>4,}  {states_text}")
    screen.item(
        "accepted by SES", f"{count(database, 'sent_emails'):,} mails; none has left this machine"
    )
    confirmed = count(database, "notified_events WHERE kind = 'OrderConfirmed'")
    issued = count(database, "pdf_invoices JOIN accepted USING (order_id)")
    screen.item("invoices", f"{issued:,} of {confirmed:,} confirmed orders")
    notices = count(database, "order_events WHERE detail_type = 'CustomerNotified'")
    screen.item("notices", f"{notices:,} published by a Lambda destination, and shown in timelines")
