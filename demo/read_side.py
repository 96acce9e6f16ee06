"""Check that storefront's views of orders equal the published events.

During the run a rule on the bus writes every event about orders to a log group of the run. The
expected views are made from that log, not from the stream that the views are made from.
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from sqlite3 import Connection
from typing import Any

from demo.database import insert
from demo.invariants import Check, view_equals
from demo.lag_probe import LagProbe
from demo.readers import log_id, read_log, scan
from emulator.cloud import Cloud
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.parsing import unwrap_event
from lambdas.contracts.patterns import live_pattern
from lambdas.storefront.customer_orders import render_order
from lambdas.storefront.timeline import render_timeline

SCHEMA = """
CREATE TABLE logged_events (
    log_id TEXT PRIMARY KEY, service TEXT, order_id TEXT, sequence INT, detail_type TEXT, at TEXT,
    data TEXT
);
CREATE TABLE timelines (order_id TEXT, position INT, service TEXT, detail_type TEXT, at TEXT);
CREATE TABLE customer_orders (
    order_id TEXT, customer_id TEXT, state TEXT, total INT, currency TEXT
);
CREATE TABLE sales_counters (
    day TEXT, per TEXT, entry TEXT, currency TEXT, orders INT, units INT, amount INT
);
CREATE TABLE initial_sales_counters AS SELECT * FROM sales_counters;
CREATE TABLE lags (order_id TEXT, event TEXT, seconds REAL);
CREATE INDEX logged_events_by_order ON logged_events (order_id, service, sequence);
CREATE INDEX logged_events_by_type ON logged_events (detail_type, order_id);
CREATE INDEX timelines_by_order ON timelines (order_id);
CREATE INDEX customer_orders_by_order ON customer_orders (order_id);
CREATE VIEW order_events AS SELECT DISTINCT order_id, service, sequence, detail_type, at
    FROM logged_events JOIN accepted USING (order_id);
CREATE VIEW expected_timelines AS SELECT order_id,
    row_number() OVER (PARTITION BY order_id ORDER BY at, service, sequence) AS position,
    service, detail_type, at FROM order_events;
CREATE VIEW actual_timelines AS SELECT t.* FROM timelines t JOIN accepted USING (order_id);
CREATE VIEW expected_orders AS SELECT order_id, customer_id, state, total, currency FROM orders
    JOIN accepted USING (order_id) WHERE order_id NOT IN (SELECT order_id FROM stuck_orders);
CREATE VIEW actual_orders AS SELECT l.* FROM customer_orders l JOIN accepted USING (order_id)
    WHERE order_id NOT IN (SELECT order_id FROM stuck_orders);
CREATE VIEW confirmed AS SELECT order_id, at, data FROM logged_events
    WHERE detail_type = 'OrderConfirmed' GROUP BY order_id;
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
CREATE VIEW actual_sales AS SELECT day, per, entry, currency, sum(orders) AS orders,
    sum(units) AS units, sum(amount) AS amount FROM (
        SELECT * FROM sales_counters UNION ALL
        SELECT day, per, entry, currency, -orders, -units, -amount FROM initial_sales_counters
    ) GROUP BY day, per, entry, currency HAVING sum(orders) <> 0 OR sum(units) <> 0
    OR sum(amount) <> 0;
"""
"""The tables of the read side.

- `logged_events`: the events about orders that were published during the run. The bus may deliver
  one twice.
- `timelines`, `customer_orders`, `sales_counters`: storefront's views.
- `initial_sales_counters`: the counters at the start of the run.
- `lags`: seconds from an event to its appearance in the timeline.
- `expected_…` is what the views must say, `actual_…` what they say, each of the run's orders only.
"""

CHECKS = (
    Check(
        2,
        """SELECT order_id, 'event ' || sequence || ' of ' || service || ' was published as '
            || group_concat(said, ', and as ') FROM (
            SELECT DISTINCT order_id, service, sequence, detail_type || ' at ' || at || ' with '
                || data AS said FROM logged_events JOIN accepted USING (order_id)
            WHERE sequence IS NOT NULL ORDER BY said
        ) GROUP BY order_id, service, sequence HAVING count(*) > 1""",
    ),
    view_equals(
        *("actual_timelines", "expected_timelines", "the timeline shows"),
        "detail_type || ' of ' || service || ' as number ' || position || ', at ' || at",
        subject="order_id",
        true="was published:",
    ),
    view_equals(
        *("actual_orders", "expected_orders", "the list of orders says"),
        "state || ' for ' || total || ' ' || currency || ', of ' || customer_id",
        subject="order_id",
    ),
    view_equals(
        *("actual_sales", "expected_sales", "the sales say"),
        "orders || ' orders, ' || units || ' units, ' || amount || ' ' || currency || ' on ' || day"
        " || ' per ' || per",
        subject="entry",
        true="the events say",
    ),
)
"""What holds once all events are processed: promise 6 for the views of the order stream, and that
no event is published in two ways.
"""


class ReadSide:
    """Logs the events about orders, and copies storefront's views of orders."""

    def __init__(self, cloud: Cloud, outputs: Mapping[str, str], database: Connection) -> None:
        """`outputs` are the outputs of the deployed stacks; `database` has the run's schema."""
        self._client = cloud.client
        self._outputs = outputs
        self._database = database
        self._group = ""

    @contextmanager
    def listening(self, name: str) -> Iterator[None]:
        """Log the events about orders for as long as the context lasts.

        `name` is the rule's name, and the end of the log group's name.
        """
        self._gather_sales()
        self._database.execute("INSERT INTO initial_sales_counters SELECT * FROM sales_counters")
        logs, events = self._client("logs"), self._client("events")
        # The app's resource policy lets rules write to all log groups with this prefix.
        group, rule = f"/aws/events/{name}", {"EventBusName": self._outputs["EventBus"]}
        logs.create_log_group(logGroupName=group)
        (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        events.put_rule(
            **rule, Name=name, EventPattern=json.dumps(live_pattern(ORDER_STREAM_EVENTS))
        )
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
        """Copy the views, and the events that were logged since the last call."""
        for output, table, rows in (
            ("TimelinesTable", "timelines", _timeline_rows),
            ("CustomerOrdersTable", "customer_orders", _customer_order_rows),
        ):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608
            for page in scan(self._client("dynamodb"), self._outputs[output]):
                insert(self._database, table, (each for row in page for each in rows(row)))
        self._gather_sales()
        if self._group:
            read_log(self._client("logs"), self._group, self._database, "logged_events", _event_row)

    def _gather_sales(self) -> None:
        self._database.execute("DELETE FROM sales_counters")
        for page in scan(self._client("dynamodb"), self._outputs["SalesTable"]):
            insert(
                self._database,
                "sales_counters",
                (_sales_counter_row(row) for row in page if "orders" in row),
            )

    @contextmanager
    def measuring_lags(self) -> Iterator[LagProbe]:
        """Measure lags of the timelines for as long as the context lasts."""
        probe = LagProbe(self._client("dynamodb"), self._outputs["TimelinesTable"])
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(probe.run)
            try:
                yield probe
            finally:
                probe.stop.set()
            running.result()
        rows = ((*event, lag) for event, lag in probe.lags.items() if lag is not None)
        insert(self._database, "lags", rows)


def _timeline_rows(row: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the events in an order's timeline, in the order in which its customer gets them."""
    for position, event in enumerate(render_timeline(row)["events"], 1):
        yield row["order_id"], position, event["service"], event["event"], event["at"]


def _customer_order_rows(row: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    if "listing_key" in row:
        shown = render_order(row)
        total = shown["total"]
        yield (
            *(row["order_id"], row["customer_id"], shown["state"]),
            *(total["amount"], total["currency"]),
        )


def _sales_counter_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    day, per, _ = row["partition_key"].split("/")
    entry, _, currency = row["sort_key"].rpartition("/")
    return day, per, entry, currency, row["orders"], row["units"], row["amount"]


def _event_row(logged: Mapping[str, Any]) -> tuple[Any, ...]:
    event = json.loads(logged["message"])
    source, detail_type, detail, _ = unwrap_event(event)
    metadata, data = detail["metadata"], detail["data"]
    return (
        *(log_id(logged, event["id"]), source.rpartition(".")[2]),
        *(metadata["subject"], metadata["sequence"], detail_type),
        *(metadata["occurred_at"], json.dumps(data)),
    )
