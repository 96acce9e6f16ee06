"""The decisions of the scaler, and their reasons."""

from datetime import timedelta

import pytest

from lambdas.backbone.domain import (
    Limits,
    StreamState,
    UnreachableCeilingError,
    count_doublings,
    decide,
    describe_decision,
)
from tests.unit.backbone.builders import LIMITS, NOW, minute, steady, stream

FULL, THROTTLED = "the shards are nearly full", "writes are throttled"
BEHIND = "consumers fall behind"
UNKNOWN = "it is not known how far behind consumers are"
STUCK = "a consumer is stuck: more shards would not help"
ENOUGH = "half the shards are enough, and have been for a while"


def lags(*minutes: float | None, load: float, known: int = 28) -> StreamState:
    """Eight shards whose consumers were so many minutes behind, up to the latest minute known.

    None is a minute without a lag.
    """
    last = [
        minute(len(minutes) + 1 - index, load=load, lag=lag) for index, lag in enumerate(minutes)
    ]
    return stream(8, steady(load, known=known, overrides=last))


@pytest.mark.parametrize(
    ("seen", "shards", "reason"),
    [
        # Up
        (stream(4, steady(3.1)), 8, FULL),
        (stream(4, steady(1, overrides=[minute(5, load=3.1, by_bytes=True)])), 8, FULL),
        (stream(4, steady(3)), 4, "half the shards would not be enough"),
        (stream(4, steady(1, overrides=[minute(3, load=1, rejected=900)])), 8, THROTTLED),
        (
            stream(4, steady(2, overrides=[minute(3, load=2, rejected=900)])),
            4,
            "half the shards would",
        ),
        (stream(12, steady(11)), 16, FULL),
        (stream(16, steady(15)), 16, f"{FULL}, but this is the ceiling"),
        # Up again: at once, but not because of minutes before the last change
        (stream(8, steady(7), changed=[5]), 16, FULL),
        (
            stream(8, steady(1, overrides=[minute(2, load=7)]), changed=[1.5]),
            8,
            "the last change was",
        ),
        (stream(4, [minute(2, load=4)]), 8, FULL),
        (stream(8, steady(1, overrides=[minute(2, load=7)]), changed=[7 / 3]), 16, FULL),
        # Lag
        (lags(0, 1, load=1), 4, ENOUGH),
        (lags(0.4, 1.2, load=1), 16, BEHIND),
        (lags(0.3, 1.2, load=1), 8, STUCK),
        (lags(1, 2, 3, load=3.9), 8, STUCK),
        (lags(1, 2, 3, load=4), 16, BEHIND),
        (lags(0, 0, 0, 0, 0, 1, 2, load=0), 8, STUCK),
        (lags(6, 5, 4, load=1), 8, "consumers are behind"),
        (lags(3, 3, 3, 3, 3, load=1), 8, "consumers are behind"),
        (lags(6, 4, 5, load=1), 8, "consumers are behind"),
        (lags(0, 0.1, 0.9, load=1), 4, ENOUGH),
        (stream(8, [minute(2, load=1, lag=9)], changed=[2.5]), 8, "the last change was"),
        # The lag of some minutes is unknown, for example of the current one
        (lags(1, 2, 3, None, load=4), 16, BEHIND),
        (lags(None, 1, None, 2, None, load=4), 16, BEHIND),
        (lags(1, 2, 3, None, load=3.9), 8, STUCK),
        (lags(1, None, 3, load=1), 8, STUCK),
        (lags(None, None, 3, None, load=4), 8, "half the shards would not"),
        (lags(6, 5, 4, None, load=1), 8, "consumers are behind"),
        (lags(0, 0, None, None, load=1), 4, ENOUGH),
        (lags(*[None] * 3, load=1), 4, ENOUGH),
        (lags(*[None] * 4, load=1), 8, UNKNOWN),
        (lags(*[None] * 28, load=1), 8, UNKNOWN),
        (lags(*[None] * 28, load=7), 16, FULL),
        # Down
        (stream(8, steady(2)), 4, ENOUGH),
        (stream(8, steady(1, overrides=[minute(27, load=2.1)])), 8, "half the shards would not"),
        (
            stream(8, steady(1, overrides=[minute(27, load=1, rejected=900)])),
            8,
            "half the shards would",
        ),
        (stream(5, steady(0.1)), 3, ENOUGH),
        (stream(3, steady(0)), 2, ENOUGH),
        (stream(2, steady(0)), 2, "no fewer are possible"),
        (stream(8, steady(0), changed=[29]), 8, "the last change was a short while ago"),
        (stream(8, steady(0), changed=[31]), 4, ENOUGH),
        (stream(8, steady(0, known=14)), 8, "too little is known"),
        (stream(8, steady(0, known=15)), 4, ENOUGH),
        (stream(8), 8, "too little is known"),
        # The budget
        (stream(4, steady(0), changed=[60] * 6), 2, ENOUGH),
        (stream(4, steady(0), changed=[60] * 7), 4, "the calls that are left today are kept"),
        (stream(4, steady(4), changed=[60] * 9), 8, FULL),
        (stream(4, steady(4), changed=[60] * 10), 4, f"{FULL}, but AWS allows no more calls"),
        # Not now, or out of bounds
        (stream(4, steady(4), active=False), 4, "the stream is being changed"),
        (stream(1, steady(0)), 2, "fewer than the floor"),
        (stream(64, steady(60)), 32, "more than the ceiling"),
        (stream(20, steady(15)), 16, "more than the ceiling"),
    ],
)
def test_decision_and_reason(seen: StreamState, shards: int, reason: str):
    decision = decide(seen, LIMITS, now=NOW)

    assert (decision.shards, decision.reason[: len(reason)]) == (shards, reason)


def test_used_up_calls_are_named_only_where_one_is_wanted():
    seen = stream(2, steady(0), changed=[60] * 10)

    assert decide(seen, LIMITS, now=NOW).reason == "no fewer are possible"


def test_distant_floor_is_reached_by_doubling():
    limits = Limits(floor=6, ceiling=16, cooldown=timedelta(minutes=30))

    assert decide(stream(2, steady(0)), limits, now=NOW).shards == 4


@pytest.mark.parametrize(("shards", "goal", "calls"), [(1, 1, 0), (1, 2, 1), (3, 20, 3), (9, 3, 0)])
def test_doublings(shards: int, goal: int, calls: int):
    assert count_doublings(shards, goal) == calls


@pytest.mark.parametrize(("floor", "ceiling"), [(0, 4), (5, 4)])
def test_invalid_limits_are_rejected(floor: int, ceiling: int):
    with pytest.raises(ValueError, match=f"from {floor} to {ceiling}"):
        Limits(floor=floor, ceiling=ceiling, cooldown=timedelta(hours=1))


def test_ceiling_unreachable_in_a_day_is_rejected():
    Limits(floor=1, ceiling=1024, cooldown=timedelta(hours=1))

    with pytest.raises(UnreachableCeilingError, match="1 to 1025"):
        Limits(floor=1, ceiling=1025, cooldown=timedelta(hours=1))


def test_log_has_every_input_of_the_decision():
    seen = stream(4, steady(1, overrides=[minute(3, load=1, rejected=900, lag=0.5)]), changed=[120])
    logged = describe_decision(seen, LIMITS, decide(seen, LIMITS, now=NOW), NOW)

    silent = stream(4, steady(1, overrides=[minute(3, lag=None)]))
    logged_without_lag = describe_decision(silent, LIMITS, decide(silent, LIMITS, now=NOW), NOW)

    recent = logged.pop("recent")
    assert logged == {
        "shards": 4,
        "to": 8,
        "reason": THROTTLED,
        "active": True,
        "calls_left": 9,
        "changes": ["2026-01-02T10:00:20.000Z"],
        "minutes_known": 28,
        "busiest_load": 1.0,
        "floor": 2,
        "ceiling": 16,
        "cooldown": 1800.0,
    }
    assert logged_without_lag["recent"][2]["lag"] is None
    assert [minute["at"] for minute in recent] == ["11:55", "11:56", "11:57", "11:58"]
    assert recent[2] == {
        "at": "11:57",
        "bytes": 0.0,
        "records": 60_000.0,
        "rejected": 900,
        "lag": 30.0,
    }
