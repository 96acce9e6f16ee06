"""A clean set of records passes; each way of breaking a promise is caught and named."""

import json
import sqlite3
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from local import verify
from local.verify import Violation, insert, violations

# order c is confirmed, and g has gone; s, p, a were rejected by stock, provider and address; v was
# rejected when its payment was refunded before the charge came; d was declined and then refunded
# as well. b was cancelled before its saga, m amid it, and w once it was confirmed; l was, but late.
ENDS = {
    "c": "CONFIRMED",
    "g": "DISPATCHED",
    **dict.fromkeys("spavdl", "REJECTED"),
    **dict.fromkeys("bmw", "CANCELLED"),
}
CLEAN: dict[str, list[tuple[Any, ...]]] = {
    "accepted": [(one, f"invoice-{one}") for one in ENDS],
    "asked_to_cancel": [
        *(("b", "CANCELLED"), ("m", "PLACED"), ("w", "WITHDRAWN")),
        *(("l", "PLACED"), ("s", "REJECTED"), ("p", None)),
    ],
    "orders": [
        (one, "ada", end, {"w": 4, "g": 3}.get(one, 2), 1000, "GBP", None, None)
        for one, end in ENDS.items()
    ],
    "order_lines": [(one, "A1", 2) for one in ENDS] + [("c", "B2", 1)],
    "stock": [("A1", 6, 2), ("B2", 4, 1), ("C3", 0, 0)],
    "delivered": [("d-1", "A1", 6), ("d-2", "A1", 4), ("d-1", "B2", 5)],
    "reservations": [
        ("c", "RESERVED"),
        ("g", "SHIPPED"),
        ("s", "REFUSED"),
        *((one, "RELEASED") for one in "pavdlmw"),
    ],
    "reserved_lines": [(one, "A1", 2) for one in ENDS if one != "b"] + [("c", "B2", 1)],
    "shipments": [
        *(("c", "BOOKED"), ("g", "DISPATCHED"), ("a", "REFUSED"), ("v", "CANCELLED")),
        *(("m", "CANCELLED"), ("w", "CANCELLED")),
    ],
    "shipped_lines": [*((one, "A1", 2) for one in "cgaw"), ("c", "B2", 1)],
    "charges": [
        *((one, "TAKEN", 1000, "GBP") for one in "cg"),
        ("p", "DECLINED", 1000, "GBP"),
        ("a", "REFUNDED", 1000, "GBP"),
        ("v", "REFUNDED", 1000, "GBP"),
        ("d", "REFUNDED", 1000, "GBP"),
        ("l", "DECLINED", 1000, "GBP"),
        ("w", "REFUNDED", 1000, "GBP"),
        ("m", "REFUNDED", 1000, "GBP"),
        ("s", "REFUNDED", None, None),
    ],
    "entries": [
        *((one, "CHARGE", "card-provider", "customer/ada", 1000, "GBP") for one in "cg"),
        ("a", "CHARGE", "card-provider", "customer/ada", 1000, "GBP"),
        ("a", "REFUND", "customer/ada", "card-provider", 1000, "GBP"),
        *((one, "CHARGE", "card-provider", "customer/ada", 1000, "GBP") for one in "mw"),
        *((one, "REFUND", "customer/ada", "card-provider", 1000, "GBP") for one in "mw"),
    ],
    "provider_charges": [
        *((one, "CHARGED", 1000, "GBP") for one in "cg"),
        ("p", "DECLINED", 1000, "GBP"),
        ("a", "REFUNDED", 1000, "GBP"),
        ("v", "VOIDED", None, None),
        ("d", "DECLINED", 1000, "GBP"),
        ("l", "DECLINED", 1000, "GBP"),
        ("w", "REFUNDED", 1000, "GBP"),
        ("m", "REFUNDED", 1000, "GBP"),
    ],
    "events": [
        *((f"{one}/1", one, 1, "OrderPlaced", "") for one in ENDS),
        *(
            (f"{one}/2", one, 2, f"Order{ENDS[one].capitalize()}", "")
            for one in ENDS
            if one not in "gw"
        ),
        ("g/2", "g", 2, "OrderConfirmed", ""),
        ("g/3", "g", 3, "OrderDispatched", ""),
        ("w/2", "w", 2, "OrderConfirmed", ""),
        ("w/3", "w", 3, "OrderWithdrawn", ""),
        ("w/4", "w", 4, "OrderCancelled", ""),
        # Delivered twice, which the bus may do; and one of nobody's.
        ("again", "c", 2, "OrderConfirmed", ""),
        ("test", None, None, "Order Notification", "{}"),
    ],
}

BREAKS = [
    ("DELETE FROM orders WHERE order_id = 's'", 1, "s", "orders table does not know it"),
    ("UPDATE orders SET state = 'PLACED' WHERE order_id = 's'", 1, "s", "still PLACED"),
    ("UPDATE reservations SET state = 'RELEASED' WHERE order_id = 'c'", 1, "c", "no reservation"),
    ("DELETE FROM charges WHERE order_id = 'c'", 1, "c", "not charged"),
    ("UPDATE shipments SET state = 'CANCELLED' WHERE order_id = 'c'", 1, "c", "no shipment"),
    ("DELETE FROM shipments WHERE order_id = 'c'", 1, "c", "no shipment"),
    ("UPDATE reservations SET state = 'RELEASED' WHERE order_id = 'g'", 1, "g", "no reservation"),
    ("UPDATE reservations SET state = 'RESERVED' WHERE order_id = 'g'", 3, "g", "is RESERVED"),
    ("UPDATE reservations SET state = 'SHIPPED' WHERE order_id = 'c'", 3, "c", "is SHIPPED"),
    ("UPDATE shipments SET state = 'DISPATCHED' WHERE order_id = 'c'", 3, "c", "is CONFIRMED"),
    ("UPDATE shipments SET state = 'BOOKED' WHERE order_id = 'g'", 3, "g", "is DISPATCHED"),
    ("UPDATE shipments SET state = 'DISPATCHED' WHERE order_id = 'w'", 5, "w", "has its shipment"),
    ("DELETE FROM events WHERE detail_type = 'OrderDispatched'", 1, "g", "no OrderDispatched"),
    ("DELETE FROM events WHERE order_id = 'c' AND sequence = 2", 1, "c", "of which 1 were logged"),
    ("UPDATE events SET sequence = 9 WHERE sequence = 2", 1, "c", "of which 1 were logged"),
    ("UPDATE orders SET state = 'WITHDRAWN' WHERE order_id = 'w'", 1, "w", "still WITHDRAWN"),
    ("UPDATE orders SET state = 'CANCELLED' WHERE order_id = 'd'", 1, "d", "nobody asked for it"),
    ("UPDATE orders SET state = 'CONFIRMED' WHERE order_id = 'm'", 1, "m", "and is CONFIRMED"),
    ("UPDATE orders SET state = 'REJECTED' WHERE order_id = 'b'", 1, "b", "and is REJECTED"),
    ("UPDATE orders SET state = 'REJECTED' WHERE order_id = 'w'", 1, "w", "and is REJECTED"),
    ("UPDATE asked_to_cancel SET told = 'WITHDRAWN' WHERE order_id = 'l'", 1, "l", "is REJECTED"),
    *(
        (
            f"UPDATE events SET detail_type = 'OrderX' WHERE order_id = '{one}' AND sequence = 2",
            1,
            one,
            f"is {ENDS[one]}, and no Order{ENDS[one].capitalize()} was logged",
        )
        for one in "clbm"
    ),
    (
        "UPDATE events SET detail_type = 'OrderX' WHERE log_id = 'w/3'",
        1,
        "w",
        "no OrderWithdrawn was logged",
    ),
    (
        "UPDATE events SET detail_type = 'OrderConfirmed' WHERE log_id = 'm/1'",
        1,
        "m",
        "no OrderWithdrawn was logged",
    ),
    (
        "UPDATE asked_to_cancel SET told = 'WITHDRAWN' WHERE order_id = 'm'",
        1,
        "m",
        "no OrderWithdrawn was logged",
    ),
    ("DELETE FROM events WHERE log_id = 'w/3'", 1, "w", "told 4 events, of which 3 were logged"),
    ("INSERT INTO orders SELECT * FROM orders WHERE order_id = 'c'", 2, "c", "2 rows"),
    ("INSERT INTO reservations VALUES ('c', 'RELEASED')", 2, "c", "2 reservations"),
    ("INSERT INTO reserved_lines VALUES ('c', 'A1', 2)", 2, "c", "2 reservations of A1"),
    ("INSERT INTO charges VALUES ('c', 'TAKEN', 1000, 'GBP')", 2, "c", "2 charges"),
    (
        "INSERT INTO provider_charges VALUES ('c', 'CHARGED', 1000, 'GBP')",
        2,
        "c",
        "2 charges at the card provider",
    ),
    ("INSERT INTO shipments VALUES ('c', 'BOOKED')", 2, "c", "2 shipments"),
    (
        "INSERT INTO entries VALUES ('c', 'CHARGE', 'card-provider', 'customer/ada', 1000, 'GBP')",
        2,
        "c",
        "2 entries of kind CHARGE",
    ),
    ("UPDATE provider_charges SET amount = 2000 WHERE order_id = 'c'", 2, "c", "took 2000 GBP"),
    ("UPDATE provider_charges SET currency = 'EUR' WHERE order_id = 'c'", 2, "c", "1000 EUR"),
    ("DELETE FROM provider_charges WHERE order_id = 'c'", 2, "c", "has it as unknown"),
    ("DELETE FROM charges WHERE order_id = 'p'", 2, "p", "the ledger as unknown"),
    (
        "UPDATE provider_charges SET state = 'CHARGED' WHERE order_id = 'p'",
        2,
        "p",
        "has it as CHARGED, the ledger as DECLINED",
    ),
    ("UPDATE stock SET available = 11, reserved = -1 WHERE sku = 'A1'", 3, "A1", "reserved is -1"),
    ("UPDATE stock SET available = available - 1 WHERE sku = 'A1'", 3, "A1", "9 are on hand"),
    ("DELETE FROM stock WHERE sku = 'B2'", 3, "B2", "5 arrived, 0 are on hand"),
    ("INSERT INTO stock VALUES ('Z9', 1, 0)", 3, "Z9", "0 arrived, 1 are on hand"),
    (
        "UPDATE stock SET available = 7, reserved = 3 WHERE sku = 'A1'",
        3,
        "A1",
        "3 are reserved, reservations hold 2",
    ),
    (
        "UPDATE shipped_lines SET quantity = 9 WHERE order_id = 'c' AND sku = 'A1'",
        3,
        "c",
        "ordered 2 of A1, reserved 2, shipment 9",
    ),
    ("DELETE FROM reserved_lines WHERE sku = 'B2'", 3, "c", "ordered 1 of B2, reserved 0"),
    ("UPDATE entries SET debit = NULL WHERE order_id = 'c'", 4, "ledger", "are -1000 GBP"),
    ("UPDATE entries SET debit = NULL WHERE order_id = 'c'", 4, "c", "to nowhere"),
    ("UPDATE entries SET amount = -1000 WHERE order_id = 'c'", 4, "c", "moves -1000"),
    ("UPDATE entries SET debit = credit WHERE order_id = 'c'", 4, "c", "moves 1000"),
    ("DELETE FROM entries WHERE kind = 'REFUND'", 4, "a", "nets to 1000 on card-provider"),
    ("DELETE FROM entries WHERE kind = 'REFUND'", 4, "m", "is CANCELLED and nets to 1000"),
    ("DELETE FROM entries WHERE kind = 'REFUND'", 4, "w", "is CANCELLED and nets to 1000"),
    (
        "UPDATE entries SET debit = 'customer/bob' WHERE kind = 'REFUND'",
        4,
        "a",
        "nets to 1000 on customer/bob",
    ),
    ("UPDATE entries SET amount = 999 WHERE order_id = 'c'", 4, "c", "the ledger took 999"),
    ("DELETE FROM entries WHERE order_id = 'c'", 4, "c", "the ledger took 0"),
    ("UPDATE entries SET order_id = 'x' WHERE order_id = 'c'", 4, "x", "is no order"),
    ("UPDATE reservations SET state = 'RESERVED' WHERE order_id = 'p'", 5, "p", "reservation"),
    (
        "UPDATE provider_charges SET state = 'CHARGED' WHERE order_id = 'a'",
        5,
        "a",
        "still charged: 1000 GBP",
    ),
    *(
        (f"UPDATE {table} SET state = '{state}' WHERE order_id = '{one}'", 5, one, wrong)
        for one in "mw"
        for table, state, wrong in (
            ("reservations", "RESERVED", "still has its reservation"),
            ("provider_charges", "CHARGED", "is still charged: 1000 GBP"),
            ("charges", "TAKEN", "stands as TAKEN"),
            ("shipments", "BOOKED", "still has its shipment"),
        )
    ),
    ("INSERT INTO reservations VALUES ('b', 'RESERVED')", 5, "b", "its reservation"),
    ("UPDATE charges SET state = 'PENDING' WHERE order_id = 'v'", 5, "v", "stands as PENDING"),
    ("UPDATE shipments SET state = 'BOOKED' WHERE order_id = 'v'", 5, "v", "its shipment"),
]


@pytest.fixture
def evidence() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    database.executescript(verify.SCHEMA)
    for table, rows in CLEAN.items():
        insert(database, table, rows)
    yield database
    database.close()


def test_clean_records_break_no_promise(evidence: sqlite3.Connection):
    assert list(violations(evidence)) == []


@pytest.mark.parametrize(("change", "promise", "subject", "wrong"), BREAKS)
def test_a_broken_promise_is_caught_and_named(
    evidence: sqlite3.Connection, change: str, promise: int, subject: str, wrong: str
):
    evidence.execute(change)
    found = list(violations(evidence))
    assert [
        one
        for one in found
        if (one.promise, one.subject) == (promise, subject) and wrong in one.wrong
    ], found


def test_each_rule_is_broken_by_one_of_these():
    def fired(change: str) -> set[int]:
        database = sqlite3.connect(":memory:")
        database.executescript(verify.SCHEMA)
        for table, rows in CLEAN.items():
            insert(database, table, rows)
        database.execute(change)
        found = {
            i for i, rule in enumerate(verify.RULES) if database.execute(rule.query).fetchone()
        }
        database.close()
        return found

    assert set().union(*(fired(change) for change, *_ in BREAKS)) == set(range(len(verify.RULES)))


def test_a_withdrawn_order_that_stands_on_a_queue_is_not_lost(evidence: sqlite3.Connection):
    evidence.execute("UPDATE orders SET state = 'WITHDRAWN' WHERE order_id = 'w'")
    assert [(one.promise, one.subject) for one in violations(evidence)] == [(1, "w")]
    insert(evidence, "parked", [("Repair", '{"payload": {"order_id": "w"}}')])
    assert list(violations(evidence)) == []


def test_an_order_that_stands_on_a_queue_is_not_lost(evidence: sqlite3.Connection):
    evidence.execute("UPDATE orders SET state = 'PLACED' WHERE order_id = 'p'")
    evidence.execute("DELETE FROM events WHERE order_id = 'p' AND sequence = 2")
    evidence.execute("UPDATE reservations SET state = 'RELEASED' WHERE order_id = 'p'")
    assert {one.promise for one in violations(evidence)} == {1}
    insert(evidence, "parked", [("Repair", '{"payload": {"order_id": "p"}}')])
    assert list(violations(evidence)) == []


def test_a_violation_names_promise_subject_and_fault(evidence: sqlite3.Connection):
    evidence.execute("UPDATE shipments SET state = 'BOOKED' WHERE order_id = 'v'")
    assert list(violations(evidence)) == [
        Violation(promise=5, subject="v", wrong="still has its shipment")
    ]


def test_the_ledger_is_read_in_pages_by_key():
    rows = [[f"o{i:02}", kind] for i in range(7) for kind in ("CHARGE", "REFUND")]
    asked: list[dict[str, str]] = []

    def run(sql: str, **last: str) -> list[list[str]]:
        asked.append(last)
        assert "ORDER BY order_id, kind LIMIT 5" in sql
        return [row for row in rows if row > [last["order_id"], last["kind"]]][:5]

    pages = list(verify.pages(run, "entries", ["order_id", "kind"], size=5))
    assert [row for page in pages for row in page] == rows
    assert [len(page) for page in pages] == [5, 5, 4]
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


def test_parked_messages_are_found_through_the_stacks_and_put_back():
    evidence = sqlite3.connect(":memory:")
    evidence.executescript(verify.SCHEMA)
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
    verify.Evidence(cloud(sqs=queue, cloudformation=stacks), {}, evidence).gather_parked()
    found = evidence.execute("SELECT queue, count(DISTINCT body) FROM parked").fetchall()
    assert found == [("Orders-Dev-Orders/Repair", 25)]
    assert evidence.execute("SELECT count(*) FROM parked").fetchone() == (25,)
    assert queue.hidden == set()


def test_events_are_read_beyond_what_one_answer_holds_and_each_once():
    evidence = sqlite3.connect(":memory:")
    evidence.executescript(verify.SCHEMA)

    def logged(number: int) -> dict[str, Any]:
        metadata = {"subject": f"order-{number}", "sequence": 1}
        event = {"id": f"e{number}", "detail-type": "A", "detail": {"metadata": metadata}}
        return {"timestamp": 1_000 + number // 3, "message": json.dumps(event)}

    log = [logged(number) for number in range(20)]

    def find(*, logGroupName: str, startTime: int) -> dict[str, Any]:  # noqa: N803
        assert logGroupName == "/aws/events/orders"
        return {"events": [one for one in log if one["timestamp"] >= startTime][:7]}

    logs = SimpleNamespace(get_paginator=lambda _: Pages(find))
    gatherer = verify.Evidence(cloud(logs=logs), {"EventLogGroup": "/aws/events/orders"}, evidence)
    gatherer.gather_events()
    count = "SELECT count(*), count(DISTINCT order_id) FROM events"
    assert evidence.execute(count).fetchone() == (20, 20)
    log.append(logged(20))
    gatherer.gather_events()
    assert evidence.execute(count).fetchone() == (21, 21)
