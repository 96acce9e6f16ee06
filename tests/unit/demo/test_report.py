import io
import re
import sqlite3
from collections.abc import Iterator

import pytest

from demo import order_book, read_side, report, resharding, screen, view_report
from demo.database import SCHEMA, insert
from demo.invariants import Violation
from demo.screen import Screen, bar
from demo.view_rebuild import RebuiltView


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(order_book.SCHEMA + SCHEMA + read_side.SCHEMA + resharding.SCHEMA)
    yield connection
    connection.close()


def test_bar_is_drawn_empty_half_and_full():
    assert bar(0, 4, width=4) == "[....] 0 of 4"
    assert bar(2, 4, width=4) == "[##..] 2 of 4"
    assert bar(1_000, 1_000, width=4) == "[####] 1,000 of 1,000"
    assert bar(0, 0, width=4) == "[####] 0 of 0"


def test_phase_without_a_terminal_is_one_plain_line():
    out = io.StringIO()
    with Screen(out).phase("placing") as note:
        note("1 of 2")
        note("2 of 2")
    assert re.fullmatch(r"  placing +2 of 2 +\d+\.\d s\n", out.getvalue())


def test_phase_on_a_terminal_is_redrawn():
    out = Terminal()
    with Screen(out).phase("placing") as note:
        note("1 of 2")
    assert out.getvalue().count("\r\033[K") == 3
    assert "1 of 2" in out.getvalue()


def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch):
    def painted(out: io.StringIO) -> str:
        of = Screen(out)
        of.say(of.paint("x", screen.RED))
        return out.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert painted(Terminal()) == "\033[31mx\033[0m\n"
    assert painted(io.StringIO()) == "x\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert painted(Terminal()) == "x\n"


HOSTILE = "A\x1b[31m\x1b[2K\r\n9  Nothing is lost  holds\u202e\u200b\x9b1A\x07\ud800"


@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_what_others_wrote_cannot_change_the_report(
    out: type[io.StringIO], database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    """SKUs, cells of exports, names of queues and texts for customers, wherever they are shown."""
    monkeypatch.setenv("NO_COLOR", "1")
    database.execute(
        "INSERT INTO rejections VALUES (1, ?, ?, ?)", [HOSTILE[:-1], HOSTILE[:-1], HOSTILE[:-1]]
    )
    broken = Violation(invariant=3, subject=HOSTILE, problem=HOSTILE)
    shown = Screen(out())

    report.show_rejections(shown, database)
    report.show_invariants(shown, [broken])
    shown.title(HOSTILE)
    shown.item(HOSTILE, shown.paint(HOSTILE, screen.RED))
    with shown.phase(HOSTILE) as note:
        note(HOSTILE)

    said = shown.out.getvalue().replace("\r\033[K", "")  # type: ignore[attr-defined]
    assert said.replace("\n", "").isprintable()
    assert "\n9  Nothing" not in said
    assert "\\x1b[31m" in said


def test_promises_hold_or_are_broken_by_name():
    out = io.StringIO()
    report.show_invariants(Screen(out), [Violation(invariant=4, subject="o", problem="nets to 5")])
    lines = out.getvalue().splitlines()
    assert [line.split()[-1] for line in lines if re.match(r"  \d  ", line)] == [
        *("holds", "holds", "holds", "BROKEN", "holds", "holds")
    ]
    assert lines[-1].strip() == "4: o nets to 5"


def test_events_that_came_twice_count_once(database: sqlite3.Connection):
    insert(database, "orders", [("o", "c", "CONFIRMED", 2, 1, "GBP", None, None)])
    events = [("1", "o", 1, "A", ""), ("2", "o", 1, "A", ""), ("3", "other", 1, "A", "")]
    insert(database, "events", events)
    assert report.count_logged(database) == 1


def test_cancelled_orders_are_counted_by_when(database: sqlite3.Connection):
    states = {"a": "CANCELLED", "b": "CANCELLED", "c": "PLACED", "d": "WITHDRAWN", "e": "PLACED"}
    insert(database, "cancel_requests", states.items())
    insert(
        database,
        "orders",
        [(o, "c", "REJECTED" if o == "e" else "CANCELLED", 2, 1, "GBP", "R", "") for o in states],
    )
    out = io.StringIO()
    report.show_orders(Screen(out), database, {})
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["cancelled", "4"] in lines
    assert ["before", "the", "saga", "2"] in lines
    assert ["during", "the", "saga", "1"] in lines
    assert ["once", "confirmed", "1"] in lines
    assert ["R", "1"] in lines
    assert ["also", "to", "be", "cancelled", "1"] in lines


def test_rejections_are_shown_with_line_and_reason_and_the_rest_counted(
    database: sqlite3.Connection,
):
    for line in range(1, 13):
        database.execute("INSERT INTO rejections VALUES (?, 'i', 'no customer', '')", [line])
    out = io.StringIO()
    report.show_rejections(Screen(out), database)
    assert "line 10 " in out.getvalue()
    assert "line 11 " not in out.getvalue()
    assert "   12  no customer" in out.getvalue()


def test_stock_events_are_counted_by_type_and_by_sku(database: sqlite3.Connection):
    changed, low = "StockChanged", "StockBelowMinimum"
    events = [("A1", 1, changed), ("B2", 1, changed), ("A1", 2, low), ("A1", 3, changed)]
    rows = [(None, f"{sku}/{number}", sku, number, kind) for sku, number, kind in events]
    insert(database, "stock_events", rows)
    insert(database, "stock", [("A1", 1, 2, 5, 3), ("B2", 9, 0, 5, 1)])
    insert(database, "availability", [("A1", "LOW", 1, 3), ("B2", "IN_STOCK", 8, 1)])
    insert(database, "warehouse_stock", [("A1", 1, 2, 5, 3), ("B2", 9, 0, 5, 1)])

    def lines() -> list[str]:
        out = io.StringIO()
        view_report.show_stock(Screen(out), database)
        return [" ".join(line.split()) for line in out.getvalue().splitlines()]

    shown = lines()
    assert "changes 4 of 2 SKUs, each SKU's in order, without a gap" in shown
    assert "StockChanged 3 most of A1 (2), B2 (1)" in shown
    assert "StockBelowMinimum 1 most of A1 (1)" in shown
    assert "the storefront right about 1 of 2 SKUs" in shown
    assert "the warehouse right about 2 of 2 SKUs" in shown
    insert(database, "stock_events", [(None, "A1/2", "A1", 2, low), (None, "B2/3", "B2", 3, low)])
    assert "changes 6 of 2 SKUs, 2 not the next of their SKU" in lines()


def test_views_are_shown_with_what_they_should_be_with_lags_and_with_resharding(
    database: sqlite3.Connection,
):
    insert(database, "accepted", [("a", "1"), ("b", "2")])
    insert(
        database,
        "orders",
        [(one, "ada", "CONFIRMED", 2, 600, "GBP", None, None) for one in "ab"],
    )
    data = """{"total": {"amount": 600, "currency": "GBP"},
        "lines": [{"sku": "A1", "quantity": 2, "unit_price": 300}]}"""
    events = [
        (one, service, kind, f"2026-12-01T08:00:0{n}+00:00")
        for one in "ab"
        for n, (service, kind) in enumerate((("orders", "OrderConfirmed"), ("payments", "Taken")))
    ]
    for n, (one, service, kind, at) in enumerate(events):
        insert(database, "logged_events", [(str(n), service, one, 1, kind, at, data)])
        insert(database, "timelines", [(one, 1 + n % 2, service, kind, at)])
    database.execute("DELETE FROM timelines WHERE order_id = 'b' AND position = 2")
    insert(database, "customer_orders", [("a", "ada", "CONFIRMED", 600, "GBP")])
    minute = ("2026-12-01", "minute", "08:00", "GBP", 2, 4, 1_200)
    insert(database, "sales_counters", [minute, ("2026-12-01", "product", "A1", "GBP", 2, 4, 1)])
    insert(database, "lags", [("a", str(n), n / 10) for n in range(1, 101)])
    changes = [("2026-12-01T08:00:01+00:00", 1, 2, "more"), ("2026-12-01T09", 2, 1, "less")]
    insert(database, "decisions", [(str(n), *change) for n, change in enumerate(changes)])
    insert(database, "decisions", [("2", "2026-12-01T08:30", 2, 2, "nothing")])

    out = io.StringIO()
    made = [
        RebuiltView("timelines", True, "equal: 2 items"),
        RebuiltView("sales", False, "not equal"),
    ]
    view_report.show_views(Screen(out), database, resharded=True, rebuilt=made)

    shown = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "timelines 3 of 4 events of 2 services about 2 orders, in order" in shown
    assert "customers' orders 1 of 2 right" in shown
    assert "sales 1 of 2 counters, by minute and by product" in shown
    assert "2 orders confirmed, 4 units, 12.00 GBP" in shown
    assert "lag p50 5.0 s, p95 9.5 s, p99 9.9 s until in the timeline, of 100 events" in shown
    assert shown.index("timelines rebuilt equal: 2 items") < shown.index("sales rebuilt not equal")
    done = shown.index("shards doubled and halved while orders flowed")
    assert shown[done + 1 : done + 4] == [
        "1 to 2 more",
        "2 to 1 less",
        "events 2, 2, 0 published before, between and after",
    ]
    out = io.StringIO()
    view_report.show_views(Screen(out), database, resharded=False, rebuilt=())
    assert "shards BROKEN" in " ".join(out.getvalue().split())
    out = io.StringIO()
    view_report.show_views(Screen(out), database, resharded=None, rebuilt=())
    assert "shards" not in out.getvalue()
