"""Views that equal the events pass; each way of differing is found and named."""

import json
import sqlite3
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from demo import order_book
from demo.database import SCHEMA, insert
from demo.invariants import find_violations
from demo.read_side import CHECKS, ReadSide
from demo.read_side import SCHEMA as VIEWS
from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE
from lambdas.runtime.dynamodb import to_item

PLACED, TAKEN, CONFIRMED = "OrderPlaced", "PaymentTaken", "OrderConfirmed"
DATA = {
    "total": {"amount": 900, "currency": "GBP"},
    "lines": [
        {"sku": "A1", "quantity": 2, "unit_price": 300},
        {"sku": "B2", "quantity": 3, "unit_price": 100},
    ],
}


def at(minute: int, second: int = 0) -> str:
    return f"2026-12-01T08:{minute:02}:{second:02}+00:00"


# Orders c and d are confirmed, p is placed; x is another run's: only the views have it.
HAPPENED = [
    *(("c", "orders", 1, PLACED, at(1)), ("c", "payments", 1, TAKEN, at(1, 5))),
    *(("c", "orders", 2, CONFIRMED, at(1, 9)), ("d", "orders", 1, PLACED, at(2))),
    *(("d", "orders", 2, CONFIRMED, at(2, 9)), ("p", "orders", 1, PLACED, at(3))),
]
CLEAN: dict[str, list[tuple[Any, ...]]] = {
    "accepted": [(one, f"invoice-{one}") for one in "cdp"],
    "orders": [
        *((one, "ada", "CONFIRMED", 2, 900, "GBP", None, None) for one in "cd"),
        ("p", "bob", "PLACED", 1, 900, "GBP", None, None),
    ],
    "logged_events": [
        (f"{n}", service, order, sequence, kind, when, json.dumps(DATA))
        for n, (order, service, sequence, kind, when) in enumerate(
            # The bus may deliver twice.
            [*HAPPENED, HAPPENED[2]]
        )
    ],
    "timelines": [
        *(("c", 1, "orders", PLACED, at(1)), ("c", 2, "payments", TAKEN, at(1, 5))),
        *(("c", 3, "orders", CONFIRMED, at(1, 9)), ("d", 1, "orders", PLACED, at(2))),
        *(("d", 2, "orders", CONFIRMED, at(2, 9)), ("p", 1, "orders", PLACED, at(3))),
        ("x", 1, "orders", PLACED, at(0)),
    ],
    "customer_orders": [
        *((one, "ada", "CONFIRMED", 900, "GBP") for one in "cd"),
        *(("p", "bob", "PLACED", 900, "GBP"), ("x", "ada", "CONFIRMED", 900, "GBP")),
    ],
    "sales_counters": [
        ("2026-12-01", "minute", "08:01", "GBP", 2, 10, 1800),
        ("2026-12-01", "minute", "08:02", "GBP", 1, 5, 900),
        # In two buckets; x has bought A1 as well.
        ("2026-12-01", "product", "A1", "GBP", 2, 4, 1200),
        ("2026-12-01", "product", "A1", "GBP", 1, 2, 600),
        ("2026-12-01", "product", "B2", "GBP", 3, 9, 900),
        ("2026-12-01", "product", "C3", "GBP", 1, 1, 1),
    ],
    "initial_sales_counters": [
        ("2026-12-01", "minute", "08:01", "GBP", 1, 5, 900),
        ("2026-12-01", "product", "A1", "GBP", 1, 2, 600),
        ("2026-12-01", "product", "B2", "GBP", 1, 3, 300),
        ("2026-12-01", "product", "C3", "GBP", 1, 1, 1),
    ],
}
BREAKS = [
    (
        "DELETE FROM timelines WHERE service = 'payments'",
        "c",
        "was published: PaymentTaken of payments",
    ),
    ("DELETE FROM timelines WHERE order_id = 'p'", "p", "was published: OrderPlaced of orders as"),
    (
        "DELETE FROM logged_events WHERE service = 'payments'",
        "c",
        "the timeline shows PaymentTaken",
    ),
    (
        "UPDATE timelines SET position = 3 - position WHERE order_id = 'd'",
        "d",
        "the timeline shows OrderPlaced of orders as number 2",
    ),
    ("UPDATE timelines SET at = 'then' WHERE order_id = 'p'", "p", "as number 1, at then"),
    ("UPDATE timelines SET detail_type = 'X' WHERE order_id = 'p'", "p", "shows X of orders"),
    (
        "UPDATE customer_orders SET state = 'PLACED' WHERE order_id = 'c'",
        "c",
        "is CONFIRMED for 900 GBP, of ada, the list of orders says PLACED for 900 GBP",
    ),
    ("UPDATE customer_orders SET total = 1 WHERE order_id = 'c'", "c", "says CONFIRMED for 1 GBP"),
    ("UPDATE customer_orders SET currency = 'EUR' WHERE order_id = 'c'", "c", "for 900 EUR"),
    ("UPDATE customer_orders SET customer_id = 'eve' WHERE order_id = 'p'", "p", "900 GBP, of eve"),
    ("DELETE FROM customer_orders WHERE order_id = 'p'", "p", "is PLACED for 900 GBP"),
    (
        "UPDATE sales_counters SET orders = 3 WHERE entry = '08:02'",
        "08:02",
        "the sales say 3 orders",
    ),
    ("UPDATE sales_counters SET units = 6 WHERE entry = '08:02'", "08:02", "1 orders, 6 units"),
    (
        "UPDATE sales_counters SET amount = amount + 1 WHERE entry = 'B2'",
        "B2",
        "the events say 2 orders, 6 units, 600 GBP on 2026-12-01 per product, the sales say 2 "
        "orders, 6 units, 601 GBP",
    ),
    ("UPDATE sales_counters SET currency = 'EUR' WHERE entry = '08:02'", "08:02", "900 EUR on"),
    ("DELETE FROM sales_counters WHERE entry = 'C3'", "C3", "the sales say -1 orders"),
    (
        "DELETE FROM sales_counters WHERE orders = 2 AND entry = 'A1'",
        "A1",
        "the events say 2 orders",
    ),
    (
        "DELETE FROM logged_events WHERE order_id = 'd'",
        "08:02",
        "the sales say 1 orders, 5 units, 900",
    ),
]


@pytest.fixture
def snapshot() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    database.executescript(order_book.SCHEMA + SCHEMA + VIEWS)
    for table, rows in CLEAN.items():
        insert(database, table, rows)
    yield database
    database.close()


def test_views_that_equal_the_events_break_no_promise(snapshot: sqlite3.Connection):
    assert list(find_violations(snapshot, CHECKS)) == []


@pytest.mark.parametrize(("change", "subject", "problem"), BREAKS)
def test_view_that_differs_from_the_events_is_found_and_named(
    snapshot: sqlite3.Connection, change: str, subject: str, problem: str
):
    snapshot.execute(change)
    found = list(find_violations(snapshot, CHECKS))
    assert {one.invariant for one in found} == {6}
    assert [one for one in found if one.subject == subject and problem in one.problem], found


TWICE = (
    "INSERT INTO logged_events SELECT 'again', service, order_id, sequence, detail_type, at,"
    " json_replace(data, '$.total.amount', 1) FROM logged_events WHERE log_id = '3'"
)


def test_event_published_with_two_contents_is_named(snapshot: sqlite3.Connection):
    snapshot.execute(TWICE)
    (found,) = [one for one in find_violations(snapshot, CHECKS) if one.invariant == 2]
    assert found.subject == "d"
    assert found.problem.startswith("event 1 of orders was published as OrderPlaced at 2026")


def test_each_rule_is_broken_by_a_sample(snapshot: sqlite3.Connection):
    fired = set()
    for change, *_ in [*BREAKS, (TWICE,)]:
        snapshot.execute("SAVEPOINT clean")
        snapshot.execute(change)
        fired |= {i for i, rule in enumerate(CHECKS) if snapshot.execute(rule.query).fetchone()}
        snapshot.execute("ROLLBACK TO clean")
    assert fired == set(range(len(CHECKS)))


def test_order_in_a_dead_letter_may_be_listed_as_it_was(snapshot: sqlite3.Connection):
    snapshot.execute("UPDATE orders SET state = 'CONFIRMED' WHERE order_id = 'p'")
    assert [one.subject for one in find_violations(snapshot, CHECKS)] == ["p"]
    insert(snapshot, "dead_letters", [("Outbox", '{"order_id": "p"}')])
    assert list(find_violations(snapshot, CHECKS)) == []


class Cloud:
    """The tables, the bus and the logs, as far as they are asked."""

    def __init__(self, **tables: list[dict[str, Any]]) -> None:
        self.tables = tables
        self.log: list[dict[str, Any]] = []
        self.made: list[str] = []
        self.pattern: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        return self

    def get_paginator(self, call: str) -> Any:
        return SimpleNamespace(paginate=getattr(self, call))

    def scan(self, *, TableName: str, ConsistentRead: bool) -> list[dict[str, Any]]:  # noqa: N803
        return [{"Items": [to_item(row) for row in self.tables[TableName]]}]

    def filter_log_events(self, *, logGroupName: str, startTime: int) -> Any:  # noqa: N803
        assert logGroupName in self.made
        return [{"events": [one for one in self.log if one["timestamp"] >= startTime]}]

    def create_log_group(self, *, logGroupName: str) -> None:  # noqa: N803
        self.made.append(logGroupName)

    def describe_log_groups(self, *, logGroupNamePrefix: str) -> Any:  # noqa: N803
        return {"logGroups": [{"arn": f"arn:{logGroupNamePrefix}:*"}]}

    def put_rule(self, *, EventBusName: str, Name: str, EventPattern: str) -> None:  # noqa: N803
        self.made.append(f"{EventBusName}/{Name}")
        self.pattern = json.loads(EventPattern)

    def put_targets(self, *, Targets: list[dict[str, str]], **_: Any) -> None:  # noqa: N803
        self.made += [target["Arn"] for target in Targets]

    def remove_targets(self, **_: Any) -> None:
        self.made = [name for name in self.made if not name.startswith("arn:")]

    def delete_rule(self, *, EventBusName: str, Name: str) -> None:  # noqa: N803
        self.made.remove(f"{EventBusName}/{Name}")

    def delete_log_group(self, *, logGroupName: str) -> None:  # noqa: N803
        self.made.remove(logGroupName)


def test_views_are_copied_as_customers_see_them_and_events_as_they_were_logged():
    total = {"amount": 900, "currency": "GBP"}
    row = {
        "order_id": "c",
        "customer_id": "ada",
        "orders/2": {"event": CONFIRMED, "at": at(1, 9)},
        "payments/1": {"event": TAKEN, "at": at(1, 5)},
        "orders/1": {"event": PLACED, "at": at(1)},
    }
    states = {"orders/1": {"state": "PLACED", "at": at(1)}}
    later = {"orders/2": {"state": "CONFIRMED", "at": at(1, 9)}}
    counts = {"orders": 1, "units": 2, "amount": 600}
    cloud: Any = Cloud(
        timelines=[row],
        orders=[
            {"order_id": "c", "customer_id": "ada", "listing_key": "p", "total": total}
            | (states | later),
            # Its OrderPlaced has not been processed yet.
            {"order_id": "d", "customer_id": "ada"} | later,
        ],
        sales=[{"partition_key": "2026-12-01/product/3", "sort_key": "A/1/GBP", **counts}],
    )
    outputs = {
        "EventBus": "Orders",
        "TimelinesTable": "timelines",
        "CustomerOrdersTable": "orders",
        "SalesTable": "sales",
    }
    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMA + VIEWS)
    read_side = ReadSide(cloud, outputs, database)
    with read_side.listening("run"):
        assert cloud.made == ["/aws/events/run", "Orders/run", "arn:/aws/events/run"]
        sources = {source for way in cloud.pattern["$or"] for source in way["source"]}
        assert {"com.aws.orders", "com.aws.payments", "lambda"} <= sources
        cloud.tables["sales"].append({"partition_key": "order/c", "sort_key": "counted"})
        metadata = {"subject": "c", "sequence": 1, "occurred_at": at(1, 5)}
        event: dict[str, Any] = {
            "id": "e1",
            "source": "com.aws.payments",
            "detail-type": TAKEN,
            "detail": {"metadata": metadata, "data": {"order_id": "c"}},
        }
        answer = {"source": "com.aws.notifications", "detail_type": "CustomerNotified"}
        answer |= event["detail"]
        via_destination = {
            "id": "e2",
            "source": DESTINATION_SOURCE,
            "detail-type": DESTINATION_DETAIL_TYPE,
            "detail": {"responsePayload": answer},
        }
        cloud.log += [
            {"timestamp": 1_000, "message": json.dumps(event)},
            {"timestamp": 1_001, "message": json.dumps(via_destination)},
        ]
        read_side.gather()
        read_side.gather()
    assert cloud.made == []

    sale = ("2026-12-01", "product", "A/1", "GBP", 1, 2, 600)
    for table, rows in {
        "timelines": [
            ("c", 1, "orders", PLACED, at(1)),
            ("c", 2, "payments", TAKEN, at(1, 5)),
            ("c", 3, "orders", CONFIRMED, at(1, 9)),
        ],
        "customer_orders": [("c", "ada", "CONFIRMED", 900, "GBP")],
        "initial_sales_counters": [sale],
        "sales_counters": [sale],
        "logged_events": [
            ("000000000001000/e1", "payments", "c", 1, TAKEN, at(1, 5), '{"order_id": "c"}'),
            (
                *("000000000001001/e2", "notifications", "c", 1, "CustomerNotified", at(1, 5)),
                '{"order_id": "c"}',
            ),
        ],
    }.items():
        assert database.execute(f"SELECT * FROM {table}").fetchall() == rows, table
