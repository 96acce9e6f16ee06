"""The customers' part in a run: who can be reached, what was mailed, and which invoices there are.

What SES has taken is read from the local cloud's own list of it: nothing leaves the machine.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from sqlite3 import Connection
from typing import Any

from demo import api_client, order_driver
from demo.invariants import Check
from demo.report import Screen
from demo.snapshot import insert, scan
from emulator.cloud import Cloud

SILENT = 20
"""Of so many customers, one gives no address."""

SCHEMA = """
CREATE TABLE reachable (customer TEXT PRIMARY KEY);
CREATE TABLE mails (order_id TEXT, kind TEXT, state TEXT, message_id TEXT);
CREATE TABLE posted (message_id TEXT, subject TEXT);
CREATE TABLE issued (order_id TEXT);
CREATE INDEX mails_by_order ON mails (order_id, kind);
CREATE INDEX posted_by_id ON posted (message_id);
CREATE INDEX issued_by_order ON issued (order_id);
CREATE VIEW news AS SELECT DISTINCT order_id, detail_type AS kind FROM told WHERE detail_type IN
    ('OrderConfirmed', 'OrderRejected', 'OrderCancelled', 'OrderDispatched');
CREATE VIEW expected_mails AS SELECT order_id, kind FROM news
    UNION ALL SELECT order_id, 'Invoice' FROM news WHERE kind = 'OrderConfirmed';
CREATE VIEW settled AS SELECT m.*, CASE WHEN customer IN (SELECT customer FROM reachable)
        THEN 'SENT' ELSE 'NO_ADDRESS' END AS right_state
    FROM mails m JOIN accepted a USING (order_id) JOIN invoices i ON i.number = a.invoice;
"""
"""``mails`` are what notifications has recorded, ``posted`` what SES has taken, ``issued`` the
invoices in the bucket. Those of the export are ``invoices``."""

CHECKS = (
    Check(
        1,
        """SELECT order_id, 'nobody knows what became of the mail ' || kind FROM expected_mails t
        WHERE NOT EXISTS (SELECT 1 FROM mails m WHERE m.order_id = t.order_id
            AND m.kind = t.kind)
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'the mail ' || kind || ' is ' || state || ', not ' || right_state
        FROM settled WHERE state <> right_state
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'was confirmed, and has no invoice' FROM news
        WHERE kind = 'OrderConfirmed' AND order_id NOT IN (SELECT order_id FROM issued)
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        2,
        """SELECT order_id, count(*) || ' invoices' FROM issued GROUP BY order_id
        HAVING count(*) > 1""",
    ),
    Check(
        2,
        """SELECT order_id, 'has an invoice, and was not confirmed' FROM issued
        JOIN accepted USING (order_id)
        WHERE order_id NOT IN (SELECT order_id FROM news WHERE kind = 'OrderConfirmed')""",
    ),
    Check(
        2,
        """SELECT subject, 'was mailed ' || count(*) || ' times' FROM posted GROUP BY subject
        HAVING count(*) > 1""",
    ),
    Check(
        2,
        """SELECT subject, 'was mailed, and nobody recorded it' FROM posted
        WHERE message_id NOT IN (SELECT message_id FROM mails)""",
    ),
    Check(
        2,
        """SELECT order_id, 'the mail ' || kind || ' is SENT, and SES does not know it' FROM mails
        WHERE state = 'SENT' AND message_id NOT IN (SELECT message_id FROM posted)""",
    ),
)
"""What holds once all has been heard."""


class Notifications:
    """Says for customers where to write to, and copies what became of it."""

    def __init__(
        self,
        cloud: Cloud,
        outputs: Mapping[str, str],
        database: Connection,
        *,
        api: api_client.ApiClient,
    ) -> None:
        """``outputs`` are those of the deployed stacks; ``api`` is that of notifications."""
        self._cloud = cloud
        self._client = cache(cloud.client)
        self._outputs = outputs
        self._database = database
        self._api = api

    def register(self, customer: str) -> str | None:
        """Give a customer's address, and return the customer; None for one who gives none."""
        digest = sha256(customer.encode()).digest()
        if int.from_bytes(digest[:4]) % SILENT == 0:
            return None
        address = f"{digest.hex()[:16]}@customers.example"
        answer = self._api.put_contact(customer=customer, email=address, name="Customer")
        if answer.status != 200:
            raise order_driver.OrderDriverError(
                f"{customer}'s address was not taken: {answer.body}"
            )
        return customer

    def reached(self, customers: Iterable[str | None]) -> Iterator[None]:
        """Remember who is reachable, one by one."""
        for customer in customers:
            insert(self._database, "reachable", [(customer,)] if customer else [])
            yield

    def gather(self) -> None:
        """Copy what is recorded, what SES has taken, and which invoices there are."""
        for table in ("mails", "posted", "issued"):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608
        columns = ("order_id", "kind", "state", "message_id")
        for page in scan(self._client("dynamodb"), self._outputs["EmailRecordsTable"]):
            rows = (tuple(row[name] for name in columns) for row in page)
            insert(self._database, "mails", rows)
        posted = ((mail["MessageId"], mail["Subject"]) for mail in self._posted())
        insert(self._database, "posted", posted)
        pages = self._client("s3").get_paginator("list_objects_v2")
        for found in pages.paginate(Bucket=self._outputs["InvoicesBucket"]):
            keys = (each["Key"] for each in found.get("Contents", []))
            ids = ((key.rpartition("/")[2].removesuffix(".pdf"),) for key in keys)
            insert(self._database, "issued", ids)

    def _posted(self) -> list[Mapping[str, Any]]:
        url = f"{self._cloud.endpoint}/_ministack/ses/messages"
        content = json.loads(api_client.http(self._cloud).request("GET", url).data)
        return [mail for mails in content["messages"].values() for mail in mails]


def show(screen: Screen, database: Connection) -> None:
    """Who can be reached, what was mailed, and which invoices there are."""

    def count(what: str) -> int:
        (number,) = database.execute(f"SELECT count(*) FROM {what}").fetchone()  # noqa: S608
        return int(number)

    screen.title("Customers, as they were told")
    customers = count("(SELECT DISTINCT customer FROM invoices)")
    screen.item("reachable", f"{count('reachable'):,} of {customers:,} have given an address")
    for kind, wanted in database.execute(
        "SELECT kind, count(*) FROM expected_mails GROUP BY kind ORDER BY kind"
    ).fetchall():
        states = database.execute(
            "SELECT state, count(*) FROM settled WHERE kind = ? GROUP BY state ORDER BY state DESC",
            [kind],
        )
        said = ", ".join(f"{number:,} {state}" for state, number in states)
        screen.item(f"  {kind}", f"{wanted:>4,}  {said}")
    screen.item("taken by SES", f"{count('posted'):,} mails; none has left this machine")
    confirmed = count("news WHERE kind = 'OrderConfirmed'")
    issued = count("issued JOIN accepted USING (order_id)")
    screen.item("invoices", f"{issued:,} of {confirmed:,} orders that were confirmed")
    notices = count("told WHERE detail_type = 'CustomerNotified'")
    screen.item("notices", f"{notices:,} told by Lambda, and shown in the timelines")
