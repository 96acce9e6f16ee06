import sqlite3
from types import SimpleNamespace
from typing import Any, cast

import pytest

from demo.database import SCHEMA, insert
from demo.lag_probe import LagProbe, percentile
from lambdas.runtime.dynamodb import to_item


def test_lag_is_from_the_event_to_its_first_reading(
    monkeypatch: pytest.MonkeyPatch,
):
    rows: dict[str, dict[str, Any]] = {"a": {"orders/1": {"at": "1970-01-01T00:00:10+00:00"}}}
    now = 12.5
    monkeypatch.setattr("demo.lag_probe.time.time", lambda: now)

    def get(*, RequestItems: Any) -> Any:  # noqa: N803
        keys = [key["order_id"]["S"] for key in RequestItems["t"]["Keys"]]
        assert RequestItems["t"]["ConsistentRead"]
        found = [to_item({"order_id": key, **rows[key]}) for key in keys if key in rows]
        return {"Responses": {"t": found}}

    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMA)
    probe = LagProbe(cast(Any, SimpleNamespace(batch_get_item=get)), "t")
    probe.read()
    insert(database, "accepted", [("a", "1"), ("b", "2")])
    probe.follow_newest(database)
    probe.read()
    rows["a"]["orders/2"] = rows["a"]["payments/1"] = {"at": "1970-01-01T00:00:11+00:00"}
    rows["b"] = {"orders/1": {"at": "1970-01-01T00:00:12.25+00:00"}, "customer_id": "ada"}
    now = 13.0
    probe.read()
    now = 20.0
    probe.read()

    # The first event was there at the first reading: when it appeared is unknown.
    assert probe.lags == {
        ("a", "orders/1"): None,
        ("a", "orders/2"): 2.0,
        ("a", "payments/1"): 2.0,
        ("b", "orders/1"): 0.75,
    }


def test_only_the_newest_orders_are_watched(database: sqlite3.Connection):
    asked: list[list[str]] = []

    def get(*, RequestItems: Any) -> Any:  # noqa: N803
        asked.append([key["order_id"]["S"] for key in RequestItems["t"]["Keys"]])
        return {"Responses": {"t": []}}

    insert(database, "accepted", [(f"o{n}", f"i{n}") for n in range(40)])
    probe = LagProbe(cast(Any, SimpleNamespace(batch_get_item=get)), "t")
    probe.follow_newest(database)
    probe.read()
    assert asked == [[f"o{n}" for n in range(39, 23, -1)]]


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(1, 50, 1), (1, 99, 1), (4, 50, 2), (4, 51, 3), (100, 95, 95), (100, 99, 99), (3, 99, 3)],
)
def test_percentile_is_one_of_the_lags(count: int, share: int, expected: float):
    assert percentile([float(n) for n in range(1, count + 1)], share) == expected
