"""The read side's part in a run: whether storefront's views say what the facts say, and how soon.

All that is told of orders is also logged in a group of the run's own, by a rule on the bus that is
there as long as somebody listens: what the views should say follows from that log and not from the
stream that they were made of.
"""

import json
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from sqlite3 import Connection
from typing import Any

from demo.invariants import view_equals
from demo.snapshot import insert, log_id, read_log, scan
from emulator.cloud import Cloud
from lambdas.contracts.event import pattern, unwrap_destination_event
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.runtime.dynamodb import from_item
from lambdas.storefront.domain import render_order, render_timeline

EVERY = 0.1
"""Seconds from one look at the timelines to the next."""
WATCHED = 16
"""How many orders' timelines are looked at, those that were accepted last: one request, however
large the export."""

SCHEMA = """
CREATE TABLE facts (
    log_id TEXT PRIMARY KEY, service TEXT, order_id TEXT, sequence INT, detail_type TEXT, at TEXT,
    data TEXT
);
CREATE TABLE timelines (order_id TEXT, position INT, service TEXT, detail_type TEXT, at TEXT);
CREATE TABLE listed (order_id TEXT, customer_id TEXT, state TEXT, total INT, currency TEXT);
CREATE TABLE counted (
    day TEXT, per TEXT, entry TEXT, currency TEXT, orders INT, units INT, amount INT
);
CREATE TABLE counted_before AS SELECT * FROM counted;
CREATE TABLE lags (order_id TEXT, fact TEXT, seconds REAL);
CREATE INDEX facts_by_order ON facts (order_id, service, sequence);
CREATE INDEX facts_by_type ON facts (detail_type, order_id);
CREATE INDEX timelines_by_order ON timelines (order_id);
CREATE INDEX listed_by_order ON listed (order_id);
CREATE VIEW told AS SELECT DISTINCT order_id, service, sequence, detail_type, at FROM facts
    JOIN accepted USING (order_id);
CREATE VIEW expected_timeline AS SELECT order_id,
    row_number() OVER (PARTITION BY order_id ORDER BY at, service, sequence) AS position,
    service, detail_type, at FROM told;
CREATE VIEW shown_timeline AS SELECT t.* FROM timelines t JOIN accepted USING (order_id);
CREATE VIEW expected_orders AS SELECT order_id, customer_id, state, total, currency FROM orders
    JOIN accepted USING (order_id) WHERE order_id NOT IN (SELECT order_id FROM stuck_orders);
CREATE VIEW shown_orders AS SELECT l.* FROM listed l JOIN accepted USING (order_id)
    WHERE order_id NOT IN (SELECT order_id FROM stuck_orders);
CREATE VIEW confirmed AS SELECT order_id, at, data FROM facts WHERE detail_type = 'OrderConfirmed'
    GROUP BY order_id;
CREATE VIEW confirmed_lines AS SELECT substr(at, 1, 10) AS day, substr(at, 12, 5) AS minute,
    order_id, json_extract(data, '$.total.currency') AS currency,
    json_extract(line.value, '$.sku') AS sku,
    json_extract(line.value, '$.quantity') AS quantity,
    json_extract(line.value, '$.quantity') * json_extract(line.value, '$.unit_price') AS amount
    FROM confirmed, json_each(data, '$.lines') AS line;
CREATE VIEW expected_sales AS
    SELECT day, 'minute' AS per, minute AS entry, currency, count(DISTINCT order_id) AS orders,
        sum(quantity) AS units, sum(amount) AS amount
    FROM confirmed_lines GROUP BY day, minute, currency
    UNION ALL SELECT day, 'product', sku, currency, count(*), sum(quantity), sum(amount)
    FROM confirmed_lines GROUP BY day, sku, currency;
CREATE VIEW shown_sales AS SELECT day, per, entry, currency, sum(orders) AS orders,
    sum(units) AS units, sum(amount) AS amount FROM (
        SELECT * FROM counted UNION ALL
        SELECT day, per, entry, currency, -orders, -units, -amount FROM counted_before
    ) GROUP BY day, per, entry, currency HAVING sum(orders) <> 0 OR sum(units) <> 0
    OR sum(amount) <> 0;
"""
"""``facts`` is what was told of orders while somebody listened, some of it maybe twice; the others
are storefront's views. ``counted_before`` is what had been sold until then, in the counters' words.
``lags`` is how long after a fact happened it was first seen in the timeline.
"""

CHECKS = (
    view_equals(
        *("shown_timeline", "expected_timeline", "the timeline shows"),
        "detail_type || ' of ' || service || ' as number ' || position || ', at ' || at",
        subject="order_id",
        true="was told",
    ),
    view_equals(
        *("shown_orders", "expected_orders", "the list of orders says"),
        "state || ' for ' || total || ' ' || currency || ', of ' || customer_id",
        subject="order_id",
    ),
    view_equals(
        *("shown_sales", "expected_sales", "the sales say"),
        "orders || ' orders, ' || units || ' units, ' || amount || ' ' || currency || ' on ' || day"
        " || ' per ' || per",
        subject="entry",
        true="confirmed are",
    ),
)
"""What holds once all has been heard: promise 6 of the views of the order stream."""


class ReadSide:
    """Listens to what is told of orders, and copies storefront's views."""

    def __init__(self, cloud: Cloud, outputs: Mapping[str, str], database: Connection) -> None:
        """``outputs`` are those of the deployed stacks; ``database`` has the schema."""
        self._client = cache(cloud.client)
        self._outputs = outputs
        self._database = database
        self._group = ""

    @contextmanager
    def listening(self, name: str) -> Iterator[None]:
        """Have all facts about orders logged for us as long as this lasts."""
        self._gather_sales()
        self._database.execute("INSERT INTO counted_before SELECT * FROM counted")
        logs, events = self._client("logs"), self._client("events")
        # The app's own policy lets rules write to all groups that are called so.
        group, rule = f"/aws/events/{name}", {"EventBusName": self._outputs["EventBus"]}
        logs.create_log_group(logGroupName=group)
        (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        events.put_rule(**rule, Name=name, EventPattern=json.dumps(pattern(ORDER_STREAM_EVENTS)))
        target = {"Id": "log", "Arn": found["arn"].removesuffix(":*")}
        events.put_targets(**rule, Rule=name, Targets=[target])
        self._group = group
        try:
            yield
        finally:
            self._group = ""
            events.remove_targets(**rule, Rule=name, Ids=["log"])
            events.delete_rule(**rule, Name=name)
            logs.delete_log_group(logGroupName=group)

    def gather(self) -> None:
        """Copy the views as they stand now, and what was told since it was last asked for."""
        for output, table, rows in (
            ("TimelinesTable", "timelines", _timeline_rows),
            ("CustomerOrdersTable", "listed", _listed_rows),
        ):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608
            for page in scan(self._client("dynamodb"), self._outputs[output]):
                insert(self._database, table, (each for row in page for each in rows(row)))
        self._gather_sales()
        if self._group:
            read_log(self._client("logs"), self._group, self._database, "facts", _fact_row)

    def _gather_sales(self) -> None:
        self._database.execute("DELETE FROM counted")
        for page in scan(self._client("dynamodb"), self._outputs["SalesTable"]):
            insert(
                self._database, "counted", (_counted_row(row) for row in page if "orders" in row)
            )

    @contextmanager
    def watching(self) -> Iterator["LagProbe"]:
        """Look how soon facts appear in timelines as long as this lasts."""
        watch = LagProbe(self._client("dynamodb"), self._outputs["TimelinesTable"])
        with ThreadPoolExecutor(1) as thread:
            watched = thread.submit(watch.run)
            try:
                yield watch
            finally:
                watch.stop.set()
            watched.result()
        rows = ((*fact, lag) for fact, lag in watch.lags.items() if lag is not None)
        insert(self._database, "lags", rows)


class LagProbe:
    """How long after it happened each fact about some orders was first seen in their timelines."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._orders: Sequence[str] = ()
        self._known: set[str] = set()
        self.stop = threading.Event()
        self.lags: dict[tuple[str, str], float | None] = {}
        """By order and fact; None where nobody was looking when it appeared."""

    def follow(self, database: Connection) -> None:
        """Go on with the orders that were accepted last."""
        newest = database.execute(
            "SELECT order_id FROM accepted ORDER BY rowid DESC LIMIT ?", [WATCHED]
        )
        self._orders = [order_id for (order_id,) in newest]

    def run(self) -> None:
        """Look until told to stop."""
        while not self.stop.wait(EVERY):
            self.look()

    def look(self) -> None:
        """Note which facts have appeared since the last look."""
        orders = self._orders
        if not orders:
            return
        keys = [{"order_id": {"S": order_id}} for order_id in orders]
        answer = self._dynamodb.batch_get_item(
            RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
        )
        now = time.time()
        for row in map(from_item, answer["Responses"][self._table]):
            order_id = row["order_id"]
            for fact in (name for name in row if "/" in name):
                lag = now - datetime.fromisoformat(row[fact]["at"]).timestamp()
                self.lags.setdefault((order_id, fact), lag if order_id in self._known else None)
        self._known.update(orders)


def percentile(lags: Sequence[float], share: float) -> float:
    """The least of these that so many percent of them do not exceed; they are sorted."""
    return lags[max(0, math.ceil(len(lags) * share / 100) - 1)]


def _timeline_rows(row: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """What the order's customer gets, in that order."""
    for position, event in enumerate(render_timeline(row)["events"], 1):
        yield row["order_id"], position, event["service"], event["event"], event["at"]


def _listed_rows(row: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    if "placed" in row:
        shown = render_order(row)
        total = shown["total"]
        yield (
            *(row["order_id"], row["customer_id"], shown["state"]),
            *(total["amount"], total["currency"]),
        )


def _counted_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    day, per, _ = row["partition_key"].split("/")
    entry, _, currency = row["sort_key"].rpartition("/")
    return day, per, entry, currency, row["orders"], row["units"], row["amount"]


def _fact_row(logged: Mapping[str, Any]) -> tuple[Any, ...]:
    event = json.loads(logged["message"])
    source, detail_type, detail, _ = unwrap_destination_event(event)
    metadata, data = detail["metadata"], detail["data"]
    return (
        *(log_id(logged, event["id"]), source.rpartition(".")[2]),
        *(metadata["subject"], metadata["sequence"], detail_type),
        *(metadata["occurred_at"], json.dumps(data)),
    )
