"""Views are copied as customers see them, and events as they were logged."""

import json
import sqlite3
from types import SimpleNamespace
from typing import Any

from demo.database import SCHEMA
from demo.read_side import SCHEMA as VIEWS
from demo.read_side import ReadSide
from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE
from lambdas.runtime.dynamodb import to_item
from tests.support.read_side_data import CONFIRMED, PLACED, TAKEN, at


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
        "orders/2/1": {"event": CONFIRMED, "at": at(1, 9)},
        "payments/1/1": {"event": TAKEN, "at": at(1, 5)},
        "orders/1/1": {"event": PLACED, "at": at(1)},
    }
    states = {"orders/1/1": {"state": "PLACED", "at": at(1)}}
    later = {"orders/2/1": {"state": "CONFIRMED", "at": at(1, 9)}}
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
