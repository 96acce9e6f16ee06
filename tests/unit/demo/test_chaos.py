import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from demo import recovery
from demo.chaos import NO_EXCUSES, Outcome, concerned_orders
from demo.invariants import Violation, find_violations
from demo.recovery import Recovery
from emulator.cloud import CloudError
from emulator.faults import control
from ops.dlq.decode import DeadLetter, RawMessage

LOST = Violation(invariant=1, subject="o1", problem="is gone")
TWICE = Violation(invariant=2, subject="o2", problem="2 charges")
WRONG = Violation(invariant=6, subject="o2", problem="the timeline lacks something")


class Done(Recovery):
    """A recovery that is over, without a cloud."""

    dead_letters = 0

    def __init__(self, unknown_mails: Sequence[str] = ()) -> None:
        self._seen, self.put_back, self.unknown_mails = {"m1", "m2"}, 2, set(unknown_mails)


def outcome(*violations: Violation) -> Outcome:
    return Outcome(
        seed=7,
        states={"DISPATCHED": 1_200, "REJECTED": 30},
        faults={"throttle": 1_000, "latency": 0, "worker killed": 3},
        recovery=Done(["o9"]),
        violations=violations,
        seconds=61.4,
    )


def test_summary_is_one_line_that_names_what_happened_and_what_never_did():
    assert outcome().summary() == (
        "seed 7: 1,230 orders (1,200 dispatched, 30 rejected);"
        " faults: 1,000 × throttle, 3 × worker killed; never happened: latency;"
        " 2 dead-lettered, 2 put back, 1 mails left to a person;"
        " 0 lost, 0 doubled, 0 otherwise broken; 61 s"
    )


def test_summary_counts_broken_promises():
    assert "1 lost, 1 doubled, 1 otherwise broken" in outcome(LOST, TWICE, WRONG).summary()


def test_mail_of_unknown_outcome_is_left_to_a_person_and_nothing_else_is():
    done = Done(["o9"])
    mail = Violation(invariant=1, subject="o9", problem="the mail Invoice is SENDING, not SENT")
    mailed = Violation(
        invariant=2, subject="Invoice INV-o9", problem="was mailed, and has no record"
    )
    assert done.leaves_to_a_person(mail)
    assert done.leaves_to_a_person(mailed)
    assert not done.leaves_to_a_person(Violation(invariant=1, subject="o9", problem="is gone"))
    twice = Violation(invariant=2, subject="Invoice INV-o9", problem="was mailed 2 times")
    assert not done.leaves_to_a_person(twice)
    assert not Done().leaves_to_a_person(mail)


def test_order_of_a_mail_of_unknown_outcome_is_read_from_the_dead_letters_error():
    message = RawMessage(id="1", body="{}", sent_at=datetime.now(UTC))
    error = "sending the e-mail Invoice of order o9 began at 2026-11-29, and its outcome is unknown"
    assert recovery._order_of_unknown_mail(DeadLetter(message=message, error=error)) == "o9"
    assert recovery._order_of_unknown_mail(DeadLetter(message=message, error="SES failed")) == ""


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (
            {"orders": [("o1", "c", "REJECTED", 2, 5, "GBP", "TechnicalFailure", "")]},
            "was rejected",
        ),
        ({"orders": [("o1", "c", "CONFIRMED", 2, 5, "GBP", None, None)]}, "is CONFIRMED"),
        ({"dead_letters": [("orders/Repair", "{}")]}, "has a dead letter"),
        (
            {
                "orders": [("o1", "c", "REJECTED", 2, 5, "GBP", "OutOfStock", "")],
                "order_lines": [("o1", "pen", 3)],
                "deliveries": [("chaos-7-1", "pen", 3)],
            },
            "there was enough",
        ),
    ],
)
def test_faults_excuse_nothing(
    database: sqlite3.Connection, rows: dict[str, list[Any]], problem: str
):
    for table, values in rows.items():
        for row in values:
            database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    (violation,) = find_violations(database, NO_EXCUSES)
    assert problem in violation.problem


def test_order_may_be_rejected_when_more_was_ordered_than_there_was(database: sqlite3.Connection):
    row = ("o1", "c", "REJECTED", 2, 5, "GBP", "OutOfStock", "")
    database.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    database.execute("INSERT INTO order_lines VALUES ('o1', 'pen', 4)")
    database.executemany(
        "INSERT INTO deliveries VALUES (?, 'pen', ?)", [("chaos-7-1", 3), ("PO-1", 100)]
    )
    assert list(find_violations(database, NO_EXCUSES)) == []


def test_journeys_are_those_of_the_orders_in_the_violations(database: sqlite3.Connection):
    for order_id in ("o1", "o2", "o3"):
        row = (order_id, "c", "CONFIRMED", 2, 5, "GBP", None, None)
        database.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    mail = Violation(invariant=2, subject="Invoice INV-o3", problem="was mailed 2 times")
    pen = Violation(invariant=3, subject="pen", problem="available is -1")
    assert concerned_orders(database, [LOST, mail, pen]) == ["o1", "o3"]


def test_operator_goes_on_while_a_delivery_is_delayed(monkeypatch: pytest.MonkeyPatch):
    # Delayed deliveries and dead letters: the delayed one becomes a dead letter.
    rounds = iter([(1, 0), (0, 1), (0, 0)])
    redriven: list[tuple[str, ...]] = []

    class Operator(Done):
        def _look(self) -> int:
            return self.dead_letters

        def _ops(self, *words: str) -> Any:
            redriven.append(words)
            return {}

    operator = Operator()
    operator._run = SimpleNamespace(  # type: ignore[assignment]
        cloud=None, database=None, snapshot=SimpleNamespace(gather_orders=lambda: None)
    )

    def unfinished(_cloud: Any) -> int:
        delayed, operator.dead_letters = next(rounds)
        return delayed

    monkeypatch.setattr(control, "unfinished", unfinished)
    monkeypatch.setattr(recovery, "count", lambda *_: 0)
    operator.complete(lambda _: None)
    assert ("dlq", "redrive", "--all") in redriven


def test_operators_command_that_fails_is_tried_again_in_the_next_round(
    monkeypatch: pytest.MonkeyPatch,
):
    def fails(*_: Any) -> Any:
        raise CloudError("Read timeout")

    done = Done()
    done._run = SimpleNamespace(cloud=None)  # type: ignore[assignment]
    monkeypatch.setattr(recovery, "run_ops", fails)
    assert done._ops("dlq", "redrive", "--all") == {}
    printed = SimpleNamespace(stdout='{"moved": 3}')
    monkeypatch.setattr(recovery, "run_ops", lambda *_: printed)
    assert done._ops("dlq", "redrive", "--all") == {"moved": 3}
