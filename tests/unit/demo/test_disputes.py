import io
import sqlite3
from collections.abc import Iterator

import pytest

from demo import disputes
from demo.database import SCHEMA
from demo.screen import Screen


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA + disputes.SCHEMA)
    yield connection
    connection.close()


def disputed(database: sqlite3.Connection, order: str, state: str, *steps: str) -> None:
    database.execute("INSERT INTO orders (order_id, state) VALUES (?, ?)", [order, state])
    database.execute(
        "INSERT INTO disputes (order_id, reason, explanation) "
        "VALUES (?, 'fraudulent', 'disputed: so')",
        [order],
    )
    for step in steps:
        database.execute(step, [order])


ALL = (disputes.HELD, disputes.HELD_WHEN_PICKED, disputes.LIFTED)


def test_held_and_dispatched_orders_are_shown(database: sqlite3.Connection):
    disputed(database, "o1", "DISPATCHED", *ALL)
    disputed(database, "o2", "CONFIRMED", *ALL[:2])
    out = io.StringIO()
    disputes.show(Screen(out), database)

    assert [line.strip() for line in out.getvalue().splitlines() if line] == [
        "Disputed payments",
        "opened by the partner 2",
        "orders held           2  e.g. “disputed: so”",
        "held when picked      2",
        "holds lifted          ONLY 1 of 2; ONLY 1 of 2 orders dispatched since",
    ]


def test_nothing_is_shown_without_disputes(database: sqlite3.Connection):
    out = io.StringIO()
    disputes.show(Screen(out), database)

    assert out.getvalue() == ""
    assert disputes.succeeded(database)


@pytest.mark.parametrize(
    ("state", "steps", "well"),
    [
        ("DISPATCHED", ALL, True),
        ("CONFIRMED", ALL, False),
        ("DISPATCHED", (disputes.HELD, disputes.LIFTED), False),
        ("DISPATCHED", (), False),
    ],
)
def test_disputes_succeed_when_each_order_is_dispatched_after_its_hold(
    database: sqlite3.Connection, state: str, steps: tuple[str, ...], well: bool
):
    disputed(database, "o1", "DISPATCHED", *ALL)
    disputed(database, "o2", state, *steps)

    assert disputes.succeeded(database) is well
