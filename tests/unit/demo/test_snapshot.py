"""Records are copied a page at a time; nothing is missed, and nothing is removed."""

import json
import sqlite3
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from demo.database import SCHEMA
from demo.readers import ledger_pages
from demo.snapshot import Snapshot, opened
from lambdas.runtime.dynamodb import to_item


def test_ledger_is_read_in_pages_by_key():
    rows = [[f"o{i:02}", kind] for i in range(7) for kind in ("CHARGE", "REFUND")]
    asked: list[dict[str, str]] = []

    def run(sql: str, **last: str) -> list[list[str]]:
        asked.append(last)
        assert "ORDER BY order_id, kind LIMIT 5" in sql
        return [row for row in rows if row > [last["order_id"], last["kind"]]][:5]

    found = list(ledger_pages(run, "entries", ["order_id", "kind"], size=5))
    assert [row for page in found for row in page] == rows
    assert [len(page) for page in found] == [5, 5, 4]
    assert len(asked) == 3


class Queue:
    """A queue whose messages are hidden from when they are received until they are put back."""

    def __init__(self, *bodies: str) -> None:
        self.bodies = dict(enumerate(bodies))
        self.hidden: set[int] = set()

    def get_queue_attributes(self, *, QueueUrl: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Attributes": {"RedrivePolicy": "{}"}} if QueueUrl == "https://consumed" else {}

    def receive_message(self, *, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        batch = [id for id in self.bodies if id not in self.hidden][:MaxNumberOfMessages]
        self.hidden |= set(batch)
        messages = [
            {"MessageId": str(id), "ReceiptHandle": str(id), "Body": self.bodies[id]}
            for id in batch
        ]
        return {"Messages": messages} if messages else {}

    def change_message_visibility(
        self,
        *,
        ReceiptHandle: str,  # noqa: N803
        VisibilityTimeout: int,  # noqa: N803
        **_: Any,
    ) -> None:
        assert VisibilityTimeout == 0
        self.hidden.remove(int(ReceiptHandle))


class Pages:
    """A paginator of one answer, or of what ``find`` answers to the arguments."""

    def __init__(self, find: Any) -> None:
        self.find = find

    def paginate(self, **arguments: Any) -> list[dict[str, Any]]:
        return [self.find(**arguments)]


def cloud(**clients: Any) -> Any:
    return SimpleNamespace(client=lambda service: clients[service])


def test_dead_letters_are_found_through_the_stacks_and_left_in_the_queue():
    snapshot = sqlite3.connect(":memory:")
    snapshot.executescript(SCHEMA)
    queue = Queue(*(f"order {number}" for number in range(25)))
    answers = {
        "describe_stacks": {"Stacks": [{"StackName": "Orders-Dev-Orders"}]},
        "list_stack_resources": {
            "StackResourceSummaries": [
                {
                    "ResourceType": f"AWS::{kind}",
                    "LogicalResourceId": "Repair",
                    "PhysicalResourceId": url,
                }
                for kind, url in (
                    ("SQS::Queue", "https://queue"),
                    ("SQS::Queue", "https://consumed"),
                    ("SQS::QueuePolicy", "https://queue"),
                    ("SNS::Topic", "https://queue"),
                )
            ]
        },
    }
    stacks = SimpleNamespace(get_paginator=lambda call: Pages(lambda **_: answers[call]))
    Snapshot(cloud(sqs=queue, cloudformation=stacks), {}, snapshot).gather_dead_letters()
    found = snapshot.execute("SELECT queue, count(DISTINCT body) FROM dead_letters").fetchall()
    assert found == [("Orders-Dev-Orders/Repair", 25)]
    assert snapshot.execute("SELECT count(*) FROM dead_letters").fetchone() == (25,)
    assert queue.hidden == set()


def test_events_are_read_beyond_what_one_answer_holds_and_each_once():
    snapshot = sqlite3.connect(":memory:")
    snapshot.executescript(SCHEMA)

    def logged(number: int) -> dict[str, Any]:
        metadata = {"subject": f"order-{number}", "sequence": 1}
        event = {"id": f"e{number}", "detail-type": "A", "detail": {"metadata": metadata}}
        return {"timestamp": 1_000 + number // 3, "message": json.dumps(event)}

    log = [logged(number) for number in range(20)]

    def find(*, logGroupName: str, startTime: int) -> dict[str, Any]:  # noqa: N803
        assert logGroupName == "/aws/events/orders"
        return {"events": [one for one in log if one["timestamp"] >= startTime][:7]}

    logs = SimpleNamespace(get_paginator=lambda _: Pages(find))
    gatherer = Snapshot(cloud(logs=logs), {"EventLogGroup": "/aws/events/orders"}, snapshot)
    gatherer.gather_events()
    count = "SELECT count(*), count(DISTINCT order_id) FROM events"
    assert snapshot.execute(count).fetchone() == (20, 20)
    log.append(logged(20))
    gatherer.gather_events()
    assert snapshot.execute(count).fetchone() == (21, 21)


class ListenerFake:
    """A FIFO queue, and the topic that feeds it as long as it is subscribed."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.made: list[str] = []
        self.policy: dict[str, Any] = {}

    def publish(self, *changes: tuple[str, int, str]) -> None:
        self.messages += [
            json.dumps(
                {
                    "detail_type": kind,
                    "metadata": {
                        "event_id": f"{sku}/{sequence}",
                        "subject": sku,
                        "sequence": sequence,
                    },
                }
            )
            for sku, sequence, kind in changes
        ]

    def create_queue(self, *, QueueName: str, Attributes: Any) -> dict[str, str]:  # noqa: N803
        assert Attributes == {"FifoQueue": "true"}
        self.made.append(QueueName)
        return {"QueueUrl": f"https://{QueueName}"}

    def get_queue_attributes(self, *, QueueUrl: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Attributes": {"QueueArn": f"arn:{QueueUrl}"}}

    def set_queue_attributes(self, *, Attributes: Any, **_: Any) -> None:  # noqa: N803
        (self.policy,) = json.loads(Attributes["Policy"])["Statement"]

    def subscribe(self, *, TopicArn: str, Endpoint: str, **_: Any) -> dict[str, str]:  # noqa: N803
        self.made.append(f"{Endpoint} on {TopicArn}")
        return {"SubscriptionArn": self.made[-1]}

    def receive_message(self, *, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        batch = self.messages[:MaxNumberOfMessages]
        return {"Messages": [{"Body": body, "ReceiptHandle": body} for body in batch]}

    def delete_message_batch(self, *, Entries: list[dict[str, str]], **_: Any) -> None:  # noqa: N803
        done = [entry["ReceiptHandle"] for entry in Entries]
        self.messages = [body for body in self.messages if body not in done]

    def unsubscribe(self, *, SubscriptionArn: str) -> None:  # noqa: N803
        self.made.remove(SubscriptionArn)

    def delete_queue(self, *, QueueUrl: str) -> None:  # noqa: N803
        self.made.remove(QueueUrl.removeprefix("https://"))


def test_stock_events_are_copied_in_order_from_the_subscription_on():
    snapshot = sqlite3.connect(":memory:")
    snapshot.executescript(SCHEMA)
    listener, shelf = ListenerFake(), {"available": 3, "reserved": 1, "minimum": 5, "sequence": 7}
    tables: dict[str, list[dict[str, Any]]] = {
        "stock": [{"sku": "A1", **shelf}],
        "availability": [{"sku": "A1", "state": "LOW", "available": 3, "sequence": 6}],
        "warehouse_stock": [{"sku": "A1", **shelf, "reserved": 2}],
        "of others": [],
    }

    def scan(*, TableName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Items": [to_item(row) for row in tables[TableName]]}

    outputs = defaultdict(
        lambda: "of others",
        StockTopic="topic",
        StockTable="stock",
        AvailabilityTable="availability",
        WarehouseStockTable="warehouse_stock",
    )
    rows = SimpleNamespace(get_paginator=lambda _: Pages(scan))
    gatherer = Snapshot(cloud(sqs=listener, sns=listener, dynamodb=rows), outputs, snapshot)
    with gatherer.listening("listener"):
        assert listener.made == ["listener.fifo", "arn:https://listener.fifo on topic"]
        assert listener.policy["Resource"] == "arn:https://listener.fifo"
        assert listener.policy["Condition"] == {"ArnEquals": {"aws:SourceArn": "topic"}}
        listener.publish(*(("A1", number, "StockChanged") for number in range(8, 20)))
        gatherer.gather_stock()
        listener.publish(("B2", 1, "StockSoldOut"))
        gatherer.gather_stock()
        assert listener.messages == []
    assert listener.made == []

    copied = snapshot.execute("SELECT sku, sequence, event_id FROM stock_events ORDER BY position")
    expected = [("A1", number, f"A1/{number}") for number in range(8, 20)]
    assert copied.fetchall() == [*expected, ("B2", 1, "B2/1")]
    for table, row in {
        "initial_stock": ("A1", 3, 1, 5, 7),
        "stock": ("A1", 3, 1, 5, 7),
        "warehouse_stock": ("A1", 3, 2, 5, 7),
        "availability": ("A1", "LOW", 3, 6),
    }.items():
        assert snapshot.execute(f"SELECT * FROM {table}").fetchall() == [row]


def test_json_texts_in_a_dead_letter_are_opened_and_anything_else_stays():
    inner = json.dumps({"detail": json.dumps({"subject": "o1"}), "text": "{ no JSON", "n": 1})
    assert json.loads(opened(json.dumps([{"Message": inner}]))) == [
        {"Message": {"detail": {"subject": "o1"}, "text": "{ no JSON", "n": 1}}
    ]
    assert json.loads(opened("no JSON")) == "no JSON"
    assert json.loads(opened("[" * 100_000)) == "[" * 100_000
