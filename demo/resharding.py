"""Doubles the order stream's shards and halves them again while orders flow through it.

The deployed scaler decides and acts; it is invoked as its schedule invokes it. Two things are
simulated, because the local cloud does not have them: the stream's metrics, and the time between
two changes.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from sqlite3 import Connection
from typing import Any

from demo.readers import log_id, read_log
from emulator.cloud import Cloud, CloudError
from lambdas.backbone.stream import POLLING_LAG_METRIC, RESHARDED_TAG, WRITE_METRICS

SCHEMA = """
CREATE TABLE decisions (log_id TEXT PRIMARY KEY, at TEXT, shards INT, goal INT, reason TEXT);
CREATE VIEW resharded AS SELECT min(at) AS at, shards, goal, reason FROM decisions
    WHERE shards <> goal GROUP BY shards, goal;
"""
"""`decisions` has the scaler's; two of its runs at the same time may both log the same one."""

DECIDED = '{"message": "shard_count_decided"'
QUIET = 15
"""The number of minutes for which the metrics say that next to nothing was written."""


class Resharding:
    """Makes the deployed scaler double the stream's shards and halve them again.

    This works once in a quarter of an hour, because CloudWatch keeps the metrics.
    """

    def __init__(self, cloud: Cloud, outputs: Mapping[str, str], database: Connection) -> None:
        """`outputs` are the outputs of the deployed stacks; `database` has the run's schema."""
        self._cloud = cloud
        self._stream = outputs["OrderStreamName"]
        self._function = outputs["ScaleStreamFunction"]
        self._database = database
        self._steps = [(1 / 3, self._grow), (2 / 3, self._shrink)]
        self._began = datetime.now(UTC)

    def advance(self, share: float) -> None:
        """Take the steps that are due when `share` of the orders have been sent."""
        while self._steps and share >= self._steps[0][0]:
            _, step = self._steps.pop(0)
            step()

    def completed(self) -> bool:
        """Return whether the stream had twice its shards, and has its original number again.

        This copies the scaler's decisions in this run from its log.
        """
        self._gather()
        changes = self._database.execute(
            "SELECT shards, goal FROM resharded ORDER BY at"
        ).fetchall()
        about = self._cloud.client("kinesis").describe_stream_summary(StreamName=self._stream)
        now = about["StreamDescriptionSummary"]["OpenShardCount"]
        return changes == [(now, 2 * now), (2 * now, now)]

    def _gather(self) -> None:
        lambda_ = self._cloud.client("lambda")
        about = lambda_.get_function_configuration(FunctionName=self._function)
        read_log(
            self._cloud.client("logs"),
            about["LoggingConfig"]["LogGroup"],
            self._database,
            "decisions",
            _decision_row,
            since=self._began,
        )

    def _grow(self) -> None:
        # The lag grows more slowly than time: the consumer is slow, but does not stand still.
        self._put_metrics({4: 10_000.0, 2: 70_000.0})
        self._scale()

    def _shrink(self) -> None:
        self._put_metrics(dict.fromkeys(range(QUIET - 1, 0, -1), 0.0))
        # After the metrics: a scheduled run in between must not take the old lag for a new one.
        self._forget_changes()
        self._scale()

    def _put_metrics(self, lags: Mapping[int, float]) -> None:
        """Put metrics: a consumer's lag by minutes ago, and a low rate of writes.

        AWS accepts no metrics in its own namespace; the local cloud does.
        """
        now = datetime.now(UTC)
        self._cloud.client("cloudwatch").put_metric_data(
            Namespace="AWS/Kinesis",
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "StreamName", "Value": self._stream}],
                    "Timestamp": now - timedelta(minutes=back),
                    "Value": value,
                }
                for back, lag in lags.items()
                for name, value in {
                    **dict.fromkeys(WRITE_METRICS, 0.0),
                    POLLING_LAG_METRIC: lag,
                }.items()
            ],
        )

    def _forget_changes(self) -> None:
        """Delete the record of the last changes, so that the scaler may change the shards again."""
        self._cloud.client("kinesis").remove_tags_from_stream(
            StreamName=self._stream, TagKeys=[RESHARDED_TAG]
        )

    def _scale(self) -> None:
        answer = self._cloud.client("lambda").invoke(FunctionName=self._function, Payload=b"{}")
        if "FunctionError" in answer:
            raise CloudError(f"The scaler failed: {answer['Payload'].read().decode()}")


def _decision_row(logged: Mapping[str, Any]) -> tuple[Any, ...] | None:
    if not logged["message"].startswith(DECIDED):
        return None
    decided = json.loads(logged["message"])
    at = datetime.fromtimestamp(logged["timestamp"] / 1_000, UTC)
    return (
        *(log_id(logged, logged["message"]), at.isoformat()),
        *(decided["shards"], decided["to"], decided["reason"]),
    )
