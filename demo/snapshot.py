"""What is known after a run: every service's own records, copied into an SQLite database."""

import json
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cache
from sqlite3 import Connection
from typing import Any

from demo.listener_queue import create_listener_queue
from emulator.cloud import Cloud
from lambdas.runtime.dynamodb import from_item

BEGINNING = datetime.fromtimestamp(0, UTC)

SCHEMA = """
CREATE TABLE accepted (order_id TEXT PRIMARY KEY, invoice TEXT);
CREATE TABLE asked_to_cancel (order_id TEXT PRIMARY KEY, told TEXT);
CREATE TABLE orders (
    order_id TEXT, customer_id TEXT, state TEXT, sequence INT, total INT, currency TEXT,
    reason TEXT, explanation TEXT
);
CREATE TABLE order_lines (order_id TEXT, sku TEXT, quantity INT);
CREATE TABLE stock (
    sku TEXT PRIMARY KEY, available INT, reserved INT, minimum INT, sequence INT
);
CREATE TABLE stock_before AS SELECT * FROM stock;
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
CREATE TABLE picked_lines (order_id TEXT, sku TEXT, quantity INT);
CREATE TABLE announced (
    position INTEGER PRIMARY KEY, event_id TEXT, sku TEXT, sequence INT, detail_type TEXT
);
CREATE TABLE purchase_orders (purchase_order_id TEXT PRIMARY KEY, sku TEXT, quantity INT);
CREATE TABLE shown (sku TEXT, state TEXT, available INT, sequence INT);
CREATE TABLE warehouse_stock (sku TEXT, available INT, reserved INT, minimum INT, sequence INT);
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
CREATE INDEX picked_lines_by_id ON picked_lines (order_id, sku);
CREATE INDEX announced_by_sku ON announced (sku, sequence);
CREATE INDEX shown_by_sku ON shown (sku);
CREATE INDEX pictured_by_sku ON warehouse_stock (sku);
CREATE INDEX events_by_order ON events (order_id, sequence);
CREATE INDEX events_by_type ON events (detail_type);
CREATE VIEW postings AS
    SELECT order_id, debit AS account, amount, currency FROM entries WHERE debit IS NOT NULL
    UNION ALL
    SELECT order_id, credit, -amount, currency FROM entries WHERE credit IS NOT NULL;
CREATE VIEW fulfilled AS SELECT * FROM orders WHERE state IN ('CONFIRMED', 'DISPATCHED');
CREATE VIEW undone AS SELECT order_id FROM orders WHERE state IN ('REJECTED', 'CANCELLED');
CREATE VIEW expected_availability AS
    SELECT sku, CASE WHEN available = 0 THEN 'SOLD_OUT' WHEN available < minimum THEN 'LOW'
        ELSE 'IN_STOCK' END AS state, available, sequence FROM stock;
CREATE VIEW stuck_orders AS
    SELECT order_id FROM orders WHERE EXISTS
        (SELECT 1 FROM parked WHERE instr(parked.body, orders.order_id));
"""
"""What is known after a run: one table for each service's record, amounts in minor units.

``told`` is the state that the API answered when it was first asked to cancel the order: the answer
is CANCELLED when that came before the saga, PLACED during it, and WITHDRAWN after it.
``stock_before`` is the stock when somebody began to listen to what is ``announced`` of it, in the
order in which it came. ``shown`` is the storefront's view,
``warehouse_stock`` the warehouse's picture.
"""


class Snapshot:
    """Copies the services' own records into the run's database, a page at a time."""

    def __init__(self, cloud: Cloud, outputs: Mapping[str, str], database: Connection) -> None:
        """``outputs`` are those of the deployed stacks; ``database`` has the schema."""
        self._cloud = cloud
        # A client takes long to make.
        self._client = cache(cloud.client)
        self._outputs = outputs
        self._database = database
        self._listener_url = ""

    def gather(self) -> None:
        """Copy everything but the events, which are gathered on their own."""
        self.gather_departures()
        self.gather_stock()
        self._gather_table("DeliveriesTable", None, lines=("delivered", "delivery_id"))
        self._gather_table(
            "CardProviderChargesTable", "provider_charges", "key", "state", "amount", "currency"
        )
        self._gather_table("PickingsTable", None, lines=("picked_lines", "order_id"))
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

    def gather_stock(self) -> None:
        """Copy the stock as it stands now, what was announced of it, and what came of that."""
        shelf = ("sku", "available", "reserved", "minimum", "sequence")
        self._gather_table(
            "PurchaseOrdersTable", "purchase_orders", "purchase_order_id", "sku", "quantity"
        )
        self._gather_table("AvailabilityTable", "shown", "sku", "state", "available", "sequence")
        self._gather_table("WarehouseStockTable", "warehouse_stock", *shelf)
        self._gather_table("StockTable", "stock", *shelf)
        self._gather_announcements()

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
        for rows in scan(self._client("dynamodb"), self._outputs[output]):
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

    def gather_dead_letters(self) -> None:
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

    @contextmanager
    def listening(self, name: str) -> Iterator[None]:
        """Have all that inventory announces come to a queue of our own as long as this lasts."""
        self.gather_stock()
        self._database.execute("INSERT INTO stock_before SELECT * FROM stock")
        sqs, sns, topic = self._client("sqs"), self._client("sns"), self._outputs["StockTopic"]
        self._listener_url, arn = create_listener_queue(
            sqs, f"{name}.fifo", service="sns", source=topic
        )
        raw = {"RawMessageDelivery": "true"}
        subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
        try:
            yield
        finally:
            sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
            sqs.delete_queue(QueueUrl=self._listener_url)
            self._listener_url = ""

    def _gather_announcements(self) -> None:
        """Take what was announced since it was last asked for, each SKU's changes in order."""
        sqs, url = self._client("sqs"), self._listener_url
        while url and (
            messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")
        ):
            self._insert("announced", (_announced_row(message["Body"]) for message in messages))
            done = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(messages)
            ]
            sqs.delete_message_batch(QueueUrl=url, Entries=done)

    def gather_events(self) -> None:
        """Copy what has been logged of the events since it was last asked for."""
        group = self._outputs["EventLogGroup"]
        read_log(self._client("logs"), group, self._database, "events", _event_row)


def insert(database: Connection, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows into a table, column by column; those whose key is there already are left out."""
    width = len(database.execute(f"SELECT * FROM {table} LIMIT 0").description)  # noqa: S608
    marks = ", ".join("?" * width)
    with database:
        database.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608


def scan(dynamodb: Any, table: str) -> Iterator[list[dict[str, Any]]]:
    """A DynamoDB table's rows, a page at a time."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield [from_item(item) for item in page["Items"]]


def read_log(
    logs: Any,
    group: str,
    database: Connection,
    table: str,
    row: Callable[[Mapping[str, Any]], Sequence[Any] | None],
    *,
    since: datetime = BEGINNING,
) -> None:
    """Insert what a log group has got since it was last asked for; ``row`` may leave lines out.

    One call returns 10,000 at most; the next goes on from the last one's time.
    """
    events = logs.get_paginator("filter_log_events")
    while True:
        (before, last) = database.execute(
            f"SELECT count(*), coalesce(max(substr(log_id, 1, 15)), '0') FROM {table}"  # noqa: S608
        ).fetchone()
        start = max(int(last), int(since.timestamp() * 1_000))
        for page in events.paginate(logGroupName=group, startTime=start):
            insert(database, table, filter(None, map(row, page["events"])))
        (after,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        if after == before:
            return


def log_id(logged: Mapping[str, Any], unique: str) -> str:
    """What identifies a logged event, in the order of time."""
    return f"{logged['timestamp']:015}/{unique}"


def _event_row(logged: Mapping[str, Any]) -> tuple[str, str | None, int | None, str, str]:
    event = json.loads(logged["message"])
    metadata = event["detail"].get("metadata", {})
    return (
        log_id(logged, event["id"]),
        metadata.get("subject"),
        metadata.get("sequence"),
        event["detail-type"],
        # Kept of the foreign ones only, of which there are few.
        "" if metadata else logged["message"],
    )


def _announced_row(body: str) -> tuple[None, str, str, int, str]:
    told = json.loads(body)
    metadata = told["metadata"]
    return (
        *(None, metadata["event_id"], metadata["subject"]),
        *(metadata["sequence"], told["detail_type"]),
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
