"""Copies every service's own records into the run's database, a page at a time."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from sqlite3 import Connection
from typing import Any

from demo import purchasing
from demo.database import insert
from demo.listener_queue import create_listener_queue
from demo.readers import ledger_pages, log_id, read_log, scan
from emulator.cloud import Cloud
from lambdas.contracts.orders_table import EXPIRED_AT


class Snapshot:
    """Copies the services' own records into the run's database."""

    def __init__(self, cloud: Cloud, outputs: Mapping[str, str], database: Connection) -> None:
        """`outputs` are the deployed stacks' outputs; `database` has `demo.database.SCHEMA`."""
        self._cloud = cloud
        self._client = cloud.client
        self._outputs = outputs
        self._database = database
        self._listener_url = ""

    def gather(self) -> None:
        """Copy all records, except the events of the bus and the dead letters."""
        self.gather_departures()
        self.gather_stock()
        self._gather_table("DeliveriesTable", None, lines=("deliveries", "delivery_id"))
        self._gather_table(
            "CardProviderChargesTable", "provider_charges", "key", "state", "amount", "currency"
        )
        self._gather_table("PickingsTable", None, lines=("picked_lines", "order_id"))
        self._gather_ledger()

    def gather_departures(self) -> None:
        """Copy the orders, the shipments and the reservations."""
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
        """Copy the stock, its events, and the views that other services have of it."""
        stock_columns = ("sku", "available", "reserved", "minimum", "sequence")
        self._gather_table(*purchasing.SOURCE)
        self._gather_table(
            "AvailabilityTable", "availability", "sku", "state", "available", "sequence"
        )
        self._gather_table("WarehouseStockTable", "warehouse_stock", *stock_columns)
        self._gather_table("StockTable", "stock", *stock_columns)
        self._gather_stock_events()

    def gather_orders(self) -> None:
        """Copy the orders and their lines."""
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
        """Replace the rows of `table` by a DynamoDB table's rows, with these columns only.

        The stack output `output` has the DynamoDB table's name. `lines` is another table of the
        snapshot and a key attribute: each row's `lines` are copied to that table, together with the
        row's key.
        """
        for name in filter(None, (table, lines and lines[0])):
            self._database.execute(f"DELETE FROM {name}")  # noqa: S608
        for page in scan(self._client("dynamodb"), self._outputs[output]):
            rows = [row for row in page if EXPIRED_AT not in row]
            if table:
                insert(
                    self._database,
                    table,
                    (tuple(row.get(name) for name in columns) for row in rows),
                )
            if lines:
                into, key = lines
                insert(
                    self._database,
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
                for page in ledger_pages(ledger.run, table, columns):
                    insert(self._database, table, page)

    def gather_dead_letters(self) -> None:
        """Copy the messages of every dead-letter queue, without removing them."""
        sqs = self._client("sqs")
        self._database.execute("DELETE FROM dead_letters")
        for name, url in self._queues():
            # A queue with a redrive policy has a consumer: its messages are work, not dead letters.
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
                insert(
                    self._database,
                    "dead_letters",
                    ((name, opened(message["Body"])) for message in batch),
                )
                seen |= {message["MessageId"]: message["ReceiptHandle"] for message in batch}
            for handle in seen.values():
                sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0
                )

    def _queues(self) -> Iterator[tuple[str, str]]:
        """Yield every queue of the deployed stacks, as "<stack>/<logical id>" and URL."""
        cloudformation = self._client("cloudformation")
        for page in cloudformation.get_paginator("describe_stacks").paginate():
            for stack in page["Stacks"]:
                name = stack["StackName"]
                resources = cloudformation.get_paginator("list_stack_resources")
                for found in resources.paginate(StackName=name):
                    for resource in found["StackResourceSummaries"]:
                        if resource["ResourceType"] == "AWS::SQS::Queue":
                            path = f"{name}/{resource['LogicalResourceId']}"
                            yield path, resource["PhysicalResourceId"]

    @contextmanager
    def listening(self, name: str) -> Iterator[None]:
        """Subscribe a listener queue to inventory's topic for as long as the context lasts."""
        self.gather_stock()
        self._database.execute("INSERT INTO initial_stock SELECT * FROM stock")
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

    def _gather_stock_events(self) -> None:
        """Receive the stock events that arrived since the last call. Each SKU's are in order."""
        sqs, url = self._client("sqs"), self._listener_url
        while url and (
            messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")
        ):
            insert(
                self._database,
                "stock_events",
                (_stock_event_row(message["Body"]) for message in messages),
            )
            done = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(messages)
            ]
            sqs.delete_message_batch(QueueUrl=url, Entries=done)

    def gather_events(self) -> None:
        """Copy the events that were logged since the last call."""
        group = self._outputs["EventLogGroup"]
        read_log(self._client("logs"), group, self._database, "events", _event_row)


def opened(body: str) -> str:
    """Return a dead letter's body with all JSON texts inside it parsed, to search its keys."""
    return json.dumps(_opened(body), ensure_ascii=False)


def _opened(value: Any) -> Any:
    match value:
        case dict():
            return {name: _opened(each) for name, each in value.items()}
        case list():
            return [_opened(each) for each in value]
        case str() if value[:1] in ("{", "["):
            with suppress(ValueError, RecursionError):
                return _opened(json.loads(value))
    return value


def _event_row(logged: Mapping[str, Any]) -> tuple[str, str | None, int | None, str, str]:
    event = json.loads(logged["message"])
    metadata = event["detail"].get("metadata", {})
    return (
        log_id(logged, event["id"]),
        metadata.get("subject"),
        metadata.get("sequence"),
        event["detail-type"],
        # Only the test event has no metadata. It is compared as a whole.
        "" if metadata else logged["message"],
    )


def _stock_event_row(body: str) -> tuple[None, str, str, int, str]:
    event = json.loads(body)
    metadata = event["metadata"]
    return (
        *(None, metadata["event_id"], metadata["subject"]),
        *(metadata["sequence"], event["detail_type"]),
    )
