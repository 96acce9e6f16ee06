"""Whether the platform kept its promises to the orders of a run.

The evidence is gathered from every service's own records into an SQLite database, and each promise
is a handful of queries over it that must find nothing. The promises bear the numbers of the design:
1 nothing is lost, 2 nothing happens twice, 3 stock is conserved, 4 the ledger balances,
5 a rejected order leaves nothing behind; nor does a cancelled one.
"""

import json
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from sqlite3 import Connection
from typing import Any

from lambdas.runtime.items import from_item
from local.cloud import Cloud

PROMISES = {
    1: "Nothing is lost",
    2: "Nothing happens twice",
    3: "Stock is conserved",
    4: "The ledger balances",
    5: "A rejected order leaves nothing behind",
}

SCHEMA = """
CREATE TABLE accepted (order_id TEXT PRIMARY KEY, invoice TEXT);
CREATE TABLE asked_to_cancel (order_id TEXT PRIMARY KEY, told TEXT);
CREATE TABLE orders (
    order_id TEXT, customer_id TEXT, state TEXT, sequence INT, total INT, currency TEXT,
    reason TEXT, explanation TEXT
);
CREATE TABLE order_lines (order_id TEXT, sku TEXT, quantity INT);
CREATE TABLE stock (sku TEXT, available INT, reserved INT);
CREATE TABLE delivered (delivery_id TEXT, sku TEXT, quantity INT);
CREATE TABLE reservations (order_id TEXT, state TEXT);
CREATE TABLE reserved_lines (order_id TEXT, sku TEXT, quantity INT);
CREATE TABLE shipments (order_id TEXT, state TEXT);
CREATE TABLE shipped_lines (order_id TEXT, sku TEXT, quantity INT);
CREATE TABLE charges (order_id TEXT, state TEXT, amount INT, currency TEXT);
CREATE TABLE entries (
    order_id TEXT, kind TEXT, debit TEXT, credit TEXT, amount INT, currency TEXT
);
CREATE TABLE provider_charges (order_id TEXT, state TEXT, amount INT, currency TEXT);
CREATE TABLE parked (queue TEXT, body TEXT);
CREATE TABLE events (
    log_id TEXT PRIMARY KEY, order_id TEXT, sequence INT, detail_type TEXT, message TEXT
);
CREATE INDEX orders_by_id ON orders (order_id);
CREATE INDEX order_lines_by_id ON order_lines (order_id, sku);
CREATE INDEX reservations_by_id ON reservations (order_id);
CREATE INDEX reserved_lines_by_id ON reserved_lines (order_id, sku);
CREATE INDEX reserved_lines_by_sku ON reserved_lines (sku);
CREATE INDEX shipments_by_id ON shipments (order_id);
CREATE INDEX shipped_lines_by_id ON shipped_lines (order_id, sku);
CREATE INDEX charges_by_id ON charges (order_id);
CREATE INDEX entries_by_id ON entries (order_id);
CREATE INDEX provider_charges_by_id ON provider_charges (order_id);
CREATE INDEX delivered_by_sku ON delivered (sku);
CREATE INDEX events_by_order ON events (order_id, sequence);
CREATE INDEX events_by_type ON events (detail_type);
CREATE VIEW postings AS
    SELECT order_id, debit AS account, amount, currency FROM entries WHERE debit IS NOT NULL
    UNION ALL
    SELECT order_id, credit, -amount, currency FROM entries WHERE credit IS NOT NULL;
CREATE VIEW fulfilled AS SELECT * FROM orders WHERE state IN ('CONFIRMED', 'DISPATCHED');
CREATE VIEW undone AS SELECT order_id FROM orders WHERE state IN ('REJECTED', 'CANCELLED');
CREATE VIEW standing AS
    SELECT order_id FROM orders WHERE EXISTS
        (SELECT 1 FROM parked WHERE instr(parked.body, orders.order_id));
"""
"""What is known after a run: one table for each service's record, amounts in minor units.

``told`` is the state that the API answered when it was first asked to cancel the order: the answer
is CANCELLED when that came before the saga, PLACED during it, and WITHDRAWN after it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One promise that was not kept: to which order, SKU or account, and what is wrong."""

    promise: int
    subject: str
    wrong: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """A query for (subject, what is wrong with it) that must find nothing."""

    promise: int
    query: str


def _at_most_one(table: str, what: str) -> _Rule:
    return _Rule(
        2,
        f"SELECT order_id, count(*) || ' {what}' FROM {table} GROUP BY order_id"  # noqa: S608
        " HAVING count(*) > 1",
    )


RULES = (
    _Rule(
        1,
        """SELECT order_id, 'was accepted, and the orders table does not know it' FROM accepted
        WHERE order_id NOT IN (SELECT order_id FROM orders)""",
    ),
    _Rule(
        1,
        """SELECT order_id, 'is still ' || state || ' and stands on no queue' FROM orders
        WHERE state NOT IN ('CONFIRMED', 'DISPATCHED', 'REJECTED', 'CANCELLED')
        AND order_id NOT IN (SELECT order_id FROM standing)""",
    ),
    _Rule(
        1,
        """SELECT order_id, 'is confirmed and has no reservation' FROM fulfilled
        WHERE order_id NOT IN
            (SELECT order_id FROM reservations WHERE state IN ('RESERVED', 'SHIPPED'))""",
    ),
    _Rule(
        1,
        """SELECT order_id, 'is confirmed and was not charged' FROM fulfilled
        WHERE order_id NOT IN
            (SELECT order_id FROM charges WHERE state = 'TAKEN')""",
    ),
    _Rule(
        1,
        """SELECT order_id, 'is confirmed and has no shipment' FROM fulfilled
        WHERE order_id NOT IN
            (SELECT order_id FROM shipments WHERE state IN ('BOOKED', 'DISPATCHED'))""",
    ),
    _Rule(
        1,
        """SELECT order_id, 'was to be cancelled, and is ' || state FROM orders
        JOIN asked_to_cancel USING (order_id) WHERE (told, state) IN (VALUES
            ('CANCELLED', 'CONFIRMED'), ('CANCELLED', 'REJECTED'), ('PLACED', 'CONFIRMED'),
            ('WITHDRAWN', 'CONFIRMED'), ('WITHDRAWN', 'REJECTED'), ('REJECTED', 'CANCELLED'),
            ('CANCELLED', 'DISPATCHED'), ('PLACED', 'DISPATCHED'))""",
    ),
    _Rule(
        1,
        """SELECT order_id, 'is cancelled, and nobody asked for it' FROM orders
        WHERE state = 'CANCELLED' AND order_id IN (SELECT order_id FROM accepted)
        AND order_id NOT IN (SELECT order_id FROM asked_to_cancel)""",
    ),
    _Rule(
        1,
        """SELECT order_id, 'told ' || sequence || ' events, of which ' || found || ' were logged'
        FROM (
            SELECT o.order_id, o.sequence, (
                SELECT count(DISTINCT e.sequence) FROM events e
                WHERE e.order_id = o.order_id AND e.sequence BETWEEN 1 AND o.sequence
            ) AS found FROM orders o
        ) WHERE found < sequence AND order_id NOT IN (SELECT order_id FROM standing)""",
    ),
    _Rule(
        1,
        """SELECT order_id, 'is ' || state || ', and no ' || told || ' was logged' FROM (
            SELECT order_id, state, CASE state WHEN 'CONFIRMED' THEN 'OrderConfirmed'
                WHEN 'DISPATCHED' THEN 'OrderDispatched' WHEN 'REJECTED' THEN 'OrderRejected'
                ELSE 'OrderCancelled' END AS told
            FROM orders WHERE state IN ('CONFIRMED', 'DISPATCHED', 'REJECTED', 'CANCELLED')
        ) AS o WHERE NOT EXISTS (
            SELECT 1 FROM events e WHERE e.order_id = o.order_id AND e.detail_type = o.told
        ) AND order_id NOT IN (SELECT order_id FROM standing)""",
    ),
    _Rule(
        1,
        """SELECT order_id, 'was confirmed and is cancelled, and no OrderWithdrawn was logged'
        FROM orders o WHERE state = 'CANCELLED' AND (
            EXISTS (SELECT 1 FROM events e WHERE e.order_id = o.order_id
                AND detail_type = 'OrderConfirmed')
            OR EXISTS (SELECT 1 FROM asked_to_cancel a WHERE a.order_id = o.order_id
                AND told = 'WITHDRAWN')
        ) AND NOT EXISTS (
            SELECT 1 FROM events e WHERE e.order_id = o.order_id
            AND detail_type = 'OrderWithdrawn'
        ) AND order_id NOT IN (SELECT order_id FROM standing)""",
    ),
    _at_most_one("orders", "rows"),
    _at_most_one("reservations", "reservations"),
    _at_most_one("charges", "charges"),
    _at_most_one("provider_charges", "charges at the card provider"),
    _at_most_one("shipments", "shipments"),
    _Rule(
        2,
        """SELECT order_id, count(*) || ' entries of kind ' || kind FROM entries
        GROUP BY order_id, kind HAVING count(*) > 1""",
    ),
    _Rule(
        2,
        """SELECT order_id, count(*) || ' reservations of ' || sku FROM reserved_lines
        GROUP BY order_id, sku HAVING count(*) > 1""",
    ),
    _Rule(
        2,
        """SELECT order_id, 'the card provider has it as ' || provider || ', the ledger as '
            || ledger FROM (
            SELECT p.order_id, p.state AS provider, coalesce(c.state, 'unknown') AS ledger
            FROM provider_charges p LEFT JOIN charges c USING (order_id)
            UNION
            SELECT c.order_id, coalesce(p.state, 'unknown'), c.state
            FROM charges c LEFT JOIN provider_charges p USING (order_id)
        ) WHERE (provider, ledger) NOT IN (VALUES
            ('CHARGED', 'TAKEN'), ('DECLINED', 'DECLINED'), ('DECLINED', 'REFUNDED'),
            ('REFUNDED', 'REFUNDED'), ('VOIDED', 'REFUNDED'), ('unknown', 'REFUNDED'))""",
    ),
    _Rule(
        2,
        """SELECT order_id, 'the card provider took ' || p.amount || ' ' || p.currency
            || ', the ledger says ' || c.amount || ' ' || c.currency
        FROM provider_charges p JOIN charges c USING (order_id)
        WHERE p.state = 'CHARGED' AND (p.amount, p.currency) <> (c.amount, c.currency)""",
    ),
    _Rule(
        3,
        """SELECT sku, 'available is ' || available || ', reserved is ' || reserved FROM stock
        WHERE available < 0 OR reserved < 0""",
    ),
    _Rule(
        3,
        """SELECT sku, arrived || ' arrived, ' || on_hand || ' are on hand' FROM (
            SELECT sku, sum(arrived) AS arrived, sum(on_hand) AS on_hand FROM (
                SELECT sku, quantity AS arrived, 0 AS on_hand FROM delivered
                UNION ALL SELECT sku, 0, available + reserved FROM stock
                UNION ALL SELECT sku, 0, quantity FROM reserved_lines JOIN reservations
                    USING (order_id) WHERE state = 'SHIPPED'
            ) GROUP BY sku
        ) WHERE arrived <> on_hand""",
    ),
    _Rule(
        3,
        """SELECT sku, reserved || ' are reserved, reservations hold ' || held FROM (
            SELECT sku, sum(reserved) AS reserved, sum(held) AS held FROM (
                SELECT sku, reserved, 0 AS held FROM stock
                UNION ALL
                SELECT sku, 0, quantity FROM reserved_lines JOIN reservations USING (order_id)
                WHERE state = 'RESERVED'
            ) GROUP BY sku
        ) WHERE reserved <> held""",
    ),
    _Rule(
        3,
        """SELECT order_id, 'ordered ' || ordered || ' of ' || sku || ', reserved ' || reserved
            || ', shipment ' || shipped FROM (
            SELECT order_id, sku, sum(ordered) AS ordered, sum(reserved) AS reserved,
                sum(shipped) AS shipped FROM (
                SELECT order_id, sku, quantity AS ordered, 0 AS reserved, 0 AS shipped
                FROM order_lines
                UNION ALL SELECT order_id, sku, 0, quantity, 0 FROM reserved_lines
                UNION ALL SELECT order_id, sku, 0, 0, quantity FROM shipped_lines
            ) JOIN fulfilled USING (order_id) GROUP BY order_id, sku
        ) WHERE ordered <> reserved OR ordered <> shipped""",
    ),
    _Rule(
        3,
        """SELECT order_id, 'has left, and its reservation is ' || r.state FROM shipments s
        JOIN reservations r USING (order_id)
        WHERE (s.state = 'DISPATCHED') <> (r.state = 'SHIPPED')
        AND order_id NOT IN (SELECT order_id FROM standing)""",
    ),
    _Rule(
        3,
        """SELECT order_id, 'has left, and the order is ' || o.state FROM shipments s
        JOIN orders o USING (order_id)
        WHERE (s.state = 'DISPATCHED') <> (o.state = 'DISPATCHED')
        AND order_id NOT IN (SELECT order_id FROM standing)""",
    ),
    _Rule(
        4,
        """SELECT 'ledger', 'debits less credits are ' || sum(amount) || ' ' || currency
        FROM postings GROUP BY currency HAVING sum(amount) <> 0""",
    ),
    _Rule(
        4,
        """SELECT order_id, 'an entry moves ' || amount || ' from ' || coalesce(credit, 'nowhere')
            || ' to ' || coalesce(debit, 'nowhere') FROM entries
        WHERE amount <= 0 OR debit IS NULL OR credit IS NULL OR debit = credit""",
    ),
    _Rule(
        4,
        """SELECT order_id, 'is ' || state || ' and nets to ' || net || ' on ' || account FROM (
            SELECT order_id, state, account, sum(amount) AS net
            FROM postings JOIN orders USING (order_id)
            WHERE state IN ('REJECTED', 'CANCELLED') GROUP BY order_id, account, postings.currency
        ) WHERE net <> 0""",
    ),
    _Rule(
        4,
        """SELECT order_id, 'costs ' || total || ' ' || currency || ', the ledger took ' || taken
        FROM (
            SELECT o.order_id, o.total, o.currency, (
                SELECT coalesce(sum(CASE kind WHEN 'CHARGE' THEN amount ELSE -amount END), 0)
                FROM entries e WHERE e.order_id = o.order_id AND e.currency = o.currency
            ) AS taken FROM fulfilled o
        ) WHERE taken <> total""",
    ),
    _Rule(
        4,
        """SELECT order_id, 'has entries in the ledger and is no order' FROM entries
        WHERE order_id NOT IN (SELECT order_id FROM orders) GROUP BY order_id""",
    ),
    _Rule(
        5,
        """SELECT order_id, 'still has its reservation' FROM undone JOIN reservations
        USING (order_id) WHERE state IN ('RESERVED', 'SHIPPED')""",
    ),
    _Rule(
        5,
        """SELECT order_id, 'is still charged: ' || amount || ' ' || currency FROM undone
        JOIN provider_charges USING (order_id) WHERE state = 'CHARGED'""",
    ),
    _Rule(
        5,
        """SELECT order_id, 'its charge stands as ' || state FROM undone
        JOIN charges USING (order_id) WHERE state IN ('PENDING', 'TAKEN')""",
    ),
    _Rule(
        5,
        """SELECT order_id, 'still has its shipment' FROM undone JOIN shipments USING (order_id)
        WHERE state IN ('BOOKED', 'DISPATCHED')""",
    ),
)


def violations(evidence: Connection) -> Iterator[Violation]:
    """All that the evidence holds against the promises, by promise."""
    for rule in RULES:
        for subject, wrong in evidence.execute(rule.query):
            yield Violation(promise=rule.promise, subject=subject, wrong=wrong)


class Evidence:
    """Copies the services' own records into the run's database, a page at a time."""

    def __init__(self, cloud: Cloud, outputs: Mapping[str, str], database: Connection) -> None:
        """``outputs`` are those of the deployed stacks; ``database`` has the schema."""
        self._cloud = cloud
        # A client takes long to make.
        self._client = cache(cloud.client)
        self._outputs = outputs
        self._database = database

    def gather(self) -> None:
        """Copy everything but the events, which are gathered on their own."""
        self.gather_departures()
        self._gather_table("StockTable", "stock", "sku", "available", "reserved")
        self._gather_table("DeliveriesTable", None, lines=("delivered", "delivery_id"))
        self._gather_table(
            "ProviderChargesTable", "provider_charges", "key", "state", "amount", "currency"
        )
        self._gather_ledger()

    def gather_departures(self) -> None:
        """Copy the orders, the shipments and the reservations as they stand now."""
        self.gather_orders()
        self._gather_table(
            "ReservationsTable",
            "reservations",
            "order_id",
            "state",
            lines=("reserved_lines", "order_id"),
        )
        self._gather_table(
            "ShipmentsTable", "shipments", "order_id", "state", lines=("shipped_lines", "order_id")
        )

    def gather_orders(self) -> None:
        """Copy the orders as they stand now."""
        self._gather_table(
            "OrdersTable",
            "orders",
            *("order_id", "customer_id", "state", "sequence", "total", "currency"),
            *("reason", "explanation"),
            lines=("order_lines", "order_id"),
        )

    def _gather_table(
        self, output: str, table: str | None, *columns: str, lines: tuple[str, str] | None = None
    ) -> None:
        """Copy a DynamoDB table's rows, and the lines that each has."""
        for name in filter(None, (table, lines and lines[0])):
            self._database.execute(f"DELETE FROM {name}")  # noqa: S608
        pages = self._client("dynamodb").get_paginator("scan")
        for page in pages.paginate(TableName=self._outputs[output], ConsistentRead=True):
            rows = [from_item(item) for item in page["Items"]]
            if table:
                self._insert(table, (tuple(row.get(name) for name in columns) for row in rows))
            if lines:
                into, key = lines
                self._insert(
                    into,
                    (
                        (row[key], line["sku"], line["quantity"])
                        for row in rows
                        for line in row.get("lines", ())
                    ),
                )

    def _gather_ledger(self) -> None:
        from pg8000.native import Connection as Ledger

        host, _, port = self._outputs["LedgerEndpoint"].partition(":")
        token = self._client("dsql").generate_db_connect_admin_auth_token(host, self._cloud.region)
        with closing(
            Ledger(
                user="admin",
                host=host,
                port=int(port or 5432),
                database="postgres",
                password=token,
                ssl_context=ssl.create_default_context(cafile=str(self._cloud.certificate)),
                timeout=30,
            )
        ) as ledger:
            for table, *columns in (
                ("charges", "order_id", "state", "amount", "currency"),
                ("entries", "order_id", "kind", "debit", "credit", "amount", "currency"),
            ):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608
                for page in pages(ledger.run, table, columns):
                    self._insert(table, page)

    def _insert(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        insert(self._database, table, rows)

    def gather_parked(self) -> None:
        """Copy the messages of every queue in which the app parks; they stay where they are."""
        sqs = self._client("sqs")
        self._database.execute("DELETE FROM parked")
        for name, url in self._queues():
            # What a queue with a consumer holds is on its way.
            if sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"]).get(
                "Attributes"
            ):
                continue
            seen: dict[str, str] = {}
            while True:
                batch = sqs.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=120
                ).get("Messages", [])
                if not batch:
                    break
                self._insert("parked", ((name, message["Body"]) for message in batch))
                seen |= {message["MessageId"]: message["ReceiptHandle"] for message in batch}
            for handle in seen.values():
                sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0
                )

    def _queues(self) -> Iterator[tuple[str, str]]:
        """Every queue of the deployed stacks: where it stands in the app, and its URL."""
        cloudformation = self._client("cloudformation")
        for page in cloudformation.get_paginator("describe_stacks").paginate():
            for stack in page["Stacks"]:
                name = stack["StackName"]
                resources = cloudformation.get_paginator("list_stack_resources")
                for found in resources.paginate(StackName=name):
                    for resource in found["StackResourceSummaries"]:
                        if resource["ResourceType"] == "AWS::SQS::Queue":
                            place = f"{name}/{resource['LogicalResourceId']}"
                            yield place, resource["PhysicalResourceId"]

    def gather_events(self) -> None:
        """Copy what has been logged of the events since it was last asked for.

        One call returns 10,000 at most; the next goes on from the last one's time.
        """
        logs = self._client("logs").get_paginator("filter_log_events")
        while True:
            (before, since) = self._database.execute(
                "SELECT count(*), coalesce(max(substr(log_id, 1, 15)), '0') FROM events"
            ).fetchone()
            for page in logs.paginate(
                logGroupName=self._outputs["EventLogGroup"], startTime=int(since)
            ):
                self._insert("events", map(_event_row, page["events"]))
            (after,) = self._database.execute("SELECT count(*) FROM events").fetchone()
            if after == before:
                return


def insert(database: Connection, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows into a table, column by column; those whose key is there already are left out."""
    width = len(database.execute(f"SELECT * FROM {table} LIMIT 0").description)  # noqa: S608
    marks = ", ".join("?" * width)
    with database:
        database.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608


def _event_row(logged: Mapping[str, Any]) -> tuple[str, str | None, int | None, str, str]:
    event = json.loads(logged["message"])
    metadata = event["detail"].get("metadata", {})
    return (
        f"{logged['timestamp']:015}/{event['id']}",
        metadata.get("subject"),
        metadata.get("sequence"),
        event["detail-type"],
        # Kept of the foreign ones only, of which there are few.
        "" if metadata else logged["message"],
    )


def pages(
    run: Callable[..., Any], table: str, columns: list[str], size: int = 1_000
) -> Iterator[list[list[Any]]]:
    """A ledger table's rows in the order of their keys; pg8000 would fetch them all at once."""
    key = ("order_id", "kind") if "kind" in columns else ("order_id",)
    last = dict.fromkeys(key, "")
    while True:
        page = run(
            f"SELECT {', '.join(columns)} FROM payments.{table}"  # noqa: S608
            f" WHERE ({', '.join(key)}) > ({', '.join(f':{name}' for name in key)})"
            f" ORDER BY {', '.join(key)} LIMIT {size}",
            **last,
        )
        if page:
            yield page
        if len(page) < size:
            return
        last = {name: page[-1][columns.index(name)] for name in key}
