"""What became of the orders of a measurement."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bench.busy_figures import figures_of, render
from bench.order_load import SentOrder

BEGAN = datetime(2026, 12, 1, tzinfo=UTC)
LAST = BEGAN + timedelta(seconds=30)


def row(state: str, *, after: float, **columns: str) -> dict[str, Any]:
    return {"state": state, "changed_at": (BEGAN + timedelta(seconds=after)).isoformat(), **columns}


def sent(order_id: str, status: int = 202) -> SentOrder:
    return SentOrder(order_id, status, 0.0, 0.1)


def test_every_order_is_accounted_for():
    orders = [sent(id_) for id_ in ("confirmed", "rejected", "open", "gone")]
    orders += [sent("", 429), sent("", 503), sent("", 0)]
    rows = {
        "confirmed": row("CONFIRMED", after=4),
        "rejected": row("REJECTED", after=50, reason="TechnicalFailure"),
        "open": row("PLACED", after=1),
        "of another run": row("CONFIRMED", after=-60),
    }

    figures = figures_of(orders, rows, began=BEGAN, last=LAST)

    assert figures == {
        "sent": 7,
        "accepted": 4,
        "refused": {"429": 1, "503": 1, "0": 1},
        "ended": {"CONFIRMED": 1, "REJECTED": 1},
        "rejected": {"TechnicalFailure": 1},
        "lost": 2,
        "drained_seconds": 20.0,
        "ended_in_each_10_s": [1, 0, 0, 0, 0, 1],
        "ended_per_second": 0.0,
    }


def test_throughput_is_that_of_the_first_nine_tenths():
    rows = {f"{n}": row("CONFIRMED", after=1 + n) for n in range(9)}
    rows["deferred"] = row("CONFIRMED", after=900)

    figures = figures_of([sent(id_) for id_ in rows], rows, began=BEGAN, last=LAST)

    assert figures["ended_per_second"] == 1.0


def test_table_has_refused_and_unanswered_orders_apart():
    figures = figures_of(
        [sent("a"), sent("", 429), sent("", 0)],
        {"a": row("CONFIRMED", after=2)},
        began=BEGAN,
        last=LAST,
    )
    run = figures | {"offered": 3, "most_open": 1, "unsaturated_per_second": 2.0, "load": [1, 2]}

    assert "| burst EXPRESS | 3 | 3 | 1 | 1 with 429 | 1 | 0 | 0 |" in render(
        {"burst EXPRESS": run}
    )
