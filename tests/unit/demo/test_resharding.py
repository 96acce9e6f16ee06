"""The metrics and calls that the scaler gets in a run, and what counts as resharded."""

import io
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from demo.resharding import SCHEMA, Resharding
from emulator.cloud import CloudError
from lambdas.backbone.domain import Limits, MinuteMetrics, StreamState, decide

LIMITS = Limits(floor=1, ceiling=4, cooldown=timedelta(minutes=15))
LAG = "GetRecords.IteratorAgeMilliseconds"


class Scaled:
    """A cloud whose scaler decides by what was put into CloudWatch, like the deployed one."""

    def __init__(self) -> None:
        self.shards, self.changes = 1, list[datetime]()
        self.values: dict[datetime, dict[str, float]] = {}
        self.log: list[dict[str, Any]] = []
        self.fails = False

    def client(self, service: str) -> Any:
        return self

    def remove_tags_from_stream(self, *, StreamName: str, TagKeys: list[str]) -> None:  # noqa: N803
        assert (StreamName, TagKeys) == ("stream", ["Resharded"])
        self.changes = []

    def put_metric_data(self, *, Namespace: str, MetricData: list[Any]) -> None:  # noqa: N803
        assert Namespace == "AWS/Kinesis"
        for datum in MetricData:
            assert datum["Dimensions"] == [{"Name": "StreamName", "Value": "stream"}]
            minute = datum["Timestamp"].replace(second=0, microsecond=0)
            known = self.values.setdefault(minute, {})
            name = datum["MetricName"]
            known[name] = max(known.get(name, 0.0), datum["Value"])

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803
        assert FunctionName == "scaler"
        if self.fails:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b"broken")}
        now = datetime.now(UTC)
        minutes = [
            MinuteMetrics(at=at, lag=timedelta(milliseconds=values[LAG]))
            for at, values in sorted(self.values.items())
        ]
        seen = StreamState(shards=self.shards, active=True, changes=self.changes, minutes=minutes)
        decision = decide(seen, LIMITS, now=now)
        decided = {"message": "shard_count_decided", "shards": self.shards, "to": decision.shards}
        for message in ("START", json.dumps({**decided, "reason": decision.reason})):
            self.log.append({"timestamp": int(now.timestamp() * 1_000), "message": message})
        if decision.shards != self.shards:
            self.shards, self.changes = decision.shards, [*self.changes, now]
        return {"Payload": io.BytesIO(b"{}")}

    def get_function_configuration(self, *, FunctionName: str) -> Any:  # noqa: N803
        return {"LoggingConfig": {"LogGroup": f"logs of {FunctionName}"}}

    def get_paginator(self, call: str) -> Any:
        return SimpleNamespace(paginate=self.read)

    def read(self, *, logGroupName: str, startTime: int) -> Any:  # noqa: N803
        assert logGroupName == "logs of scaler"
        return [{"events": [one for one in self.log if one["timestamp"] >= startTime]}]

    def describe_stream_summary(self, *, StreamName: str) -> Any:  # noqa: N803
        return {"StreamDescriptionSummary": {"OpenShardCount": self.shards}}


@pytest.fixture
def database() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMA)
    return database


def resharding(cloud: Any, database: sqlite3.Connection) -> Resharding:
    outputs = {"OrderStreamName": "stream", "ScaleStreamFunction": "scaler"}
    return Resharding(cloud, outputs, database)


def test_scaler_is_driven_to_double_and_to_halve(database: sqlite3.Connection):
    cloud = Scaled()
    run = resharding(cloud, database)
    run.advance(0.2)
    assert cloud.shards == 1
    run.advance(0.4)
    assert cloud.shards == 2
    run.advance(0.5)
    assert cloud.shards == 2
    run.advance(1.0)
    assert cloud.shards == 1
    assert run.completed()
    changes = database.execute("SELECT shards, goal, reason FROM resharded ORDER BY at").fetchall()
    assert changes == [
        (1, 2, "consumers fall behind"),
        (2, 1, "half the shards are enough, and have been for a while"),
    ]


def test_both_steps_are_made_however_few_orders_there_are(database: sqlite3.Connection):
    cloud = Scaled()
    run = resharding(cloud, database)
    run.advance(1.0)
    assert run.completed()


def test_decision_before_the_run_is_ignored(database: sqlite3.Connection):
    cloud = Scaled()
    early = {"message": "shard_count_decided", "shards": 4, "to": 2, "reason": "long ago"}
    cloud.log.append({"timestamp": 1_000, "message": json.dumps(early)})
    run = resharding(cloud, database)
    run.advance(1.0)
    assert run.completed()


@pytest.mark.parametrize(
    ("counts", "completed"),
    [
        ([1, 2, 1], True),
        ([1, 1, 2, 2, 1, 1], True),
        ([1, 1], False),
        ([1, 2], False),
        ([2, 1], False),
        ([1, 4, 1], False),
        ([1, 2, 4, 2, 1], False),
    ],
)
def test_resharding_is_one_doubling_and_one_halving(
    database: sqlite3.Connection, counts: list[int], completed: bool
):
    cloud = Scaled()
    run = resharding(cloud, database)
    now = int(datetime.now(UTC).timestamp() * 1_000)
    for n, (shards, goal) in enumerate(pairwise(counts)):
        decided = {"message": "shard_count_decided", "shards": shards, "to": goal, "reason": ""}
        cloud.log.append({"timestamp": now + n, "message": json.dumps(decided)})
    cloud.shards = counts[-1]
    assert run.completed() == completed


def test_stream_with_other_shards_than_decided_is_not_restored(database: sqlite3.Connection):
    cloud = Scaled()
    run = resharding(cloud, database)
    run.advance(1.0)
    cloud.shards = 2
    assert not run.completed()


def test_failing_scaler_fails_the_run(database: sqlite3.Connection):
    cloud = Scaled()
    cloud.fails = True
    with pytest.raises(CloudError, match="The scaler failed: broken"):
        resharding(cloud, database).advance(1.0)
