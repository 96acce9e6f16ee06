"""The order stream: its state and metrics, and the change of its shards.

AWS does not report when a stream was resharded. A tag of the stream therefore has the times of the
calls. Each time is written before its call, so a run that dies in between has counted one call too
many, never one too few. When AWS refuses a call, its time is removed from the tag. If two runs
overlap, they request the same number of shards: AWS refuses the second call during the first
change, and the tag counts one call.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.backbone.domain import DAY, MinuteMetrics, StreamState
from lambdas.runtime.log import log_error

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_kinesis import KinesisClient


RESHARDED_TAG = "Resharded"
# A tag's value has at most 256 characters and no colon: ten of these times fit.
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Tag.html
TAG_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
WRITE_METRICS = ("IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded")
POLLING_LAG_METRIC, FAN_OUT_LAG_METRIC = (
    "GetRecords.IteratorAgeMilliseconds",
    "SubscribeToShardEvent.MillisBehindLatest",
)
"""The lag of all polling consumers together, and of each consumer with enhanced fan-out.

https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
"""


class OrderStream:
    """The Kinesis stream of order events, with its metrics in CloudWatch."""

    def __init__(
        self, name: str, *, kinesis: "KinesisClient", cloudwatch: "CloudWatchClient"
    ) -> None:
        """``name`` is the stream's name; ``kinesis`` and ``cloudwatch`` are boto3's clients."""
        self._name = name
        self._kinesis = kinesis
        self._cloudwatch = cloudwatch

    def observe(self, *, now: datetime, window: timedelta) -> StreamState:
        """Return the stream's state now, with the metrics of each minute in the window."""
        summary = self._describe()
        consumers = self._list_consumers(summary["StreamARN"])
        return StreamState(
            shards=summary["OpenShardCount"],
            active=summary["StreamStatus"] == "ACTIVE",
            changes=[moment for moment in self._load_changes() if moment > now - DAY],
            minutes=self._read_minutes(now - window, now, consumers),
        )

    def reshard(self, stream: StreamState, *, shards: int, now: datetime) -> bool:
        """Request that many shards; return False if another change is in progress.

        Args:
            stream: The state that ``observe`` returned.
            shards: The number to request.
            now: The time of the call.

        Raises:
            ClientError: AWS refused the change for another reason.

        https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html
        """
        self._save_changes([*stream.changes, now])
        try:
            self._kinesis.update_shard_count(
                StreamName=self._name, TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
            )
        except self._kinesis.exceptions.ResourceInUseException:
            return False
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status < 500 and self._is_unchanged(stream):
                self._save_changes(stream.changes)
            raise
        return True

    def _is_unchanged(self, stream: StreamState) -> bool:
        """Return whether the number of shards is as observed, and no change is in progress."""
        summary = self._describe()
        return (summary["OpenShardCount"], summary["StreamStatus"]) == (stream.shards, "ACTIVE")

    def _describe(self) -> Any:
        summary = self._kinesis.describe_stream_summary(StreamName=self._name)
        return summary["StreamDescriptionSummary"]

    def _save_changes(self, changes: Iterable[datetime]) -> None:
        written = " ".join(moment.strftime(TAG_TIME_FORMAT) for moment in changes)
        self._kinesis.add_tags_to_stream(StreamName=self._name, Tags={RESHARDED_TAG: written})

    def _load_changes(self) -> list[datetime]:
        tags = self._kinesis.list_tags_for_stream(StreamName=self._name)["Tags"]
        written = next((tag["Value"] for tag in tags if tag["Key"] == RESHARDED_TAG), "")
        changes = []
        for text in written.split():
            try:
                changes.append(datetime.strptime(text, TAG_TIME_FORMAT).replace(tzinfo=UTC))
            except ValueError:
                # Somebody edited the tag. The next change writes it again, without this.
                log_error("resharding_time_left_out", text=text)
        return changes

    def _list_consumers(self, stream: str) -> list[str]:
        """Return the names of consumers with enhanced fan-out; all fit into one page.

        https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
        """
        listed = self._kinesis.list_stream_consumers(StreamARN=stream)["Consumers"]
        return [consumer["ConsumerName"] for consumer in listed]

    def _metric_query(
        self, id: str, metric: str, statistic: str, **dimensions: str
    ) -> dict[str, Any]:
        dimensions = {"StreamName": self._name, **dimensions}
        return {
            "Id": id,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Kinesis",
                    "MetricName": metric,
                    "Dimensions": [{"Name": n, "Value": value} for n, value in dimensions.items()],
                },
                "Period": 60,
                "Stat": statistic,
            },
        }

    def _read_minutes(
        self, begin: datetime, end: datetime, consumers: Iterable[str]
    ) -> Sequence[MinuteMetrics]:
        """Return the metrics of each minute for which CloudWatch has any.

        In such a minute, a missing write metric means zero. A missing lag means unknown: a consumer
        that reads reports its lag even if it is zero.
        """
        queries: list[Any] = [
            *(
                self._metric_query(f"written{n}", metric, "Sum")
                for n, metric in enumerate(WRITE_METRICS)
            ),
            self._metric_query("lag", POLLING_LAG_METRIC, "Maximum"),
            *(
                self._metric_query(f"lag{n}", FAN_OUT_LAG_METRIC, "Maximum", ConsumerName=name)
                for n, name in enumerate(consumers)
            ),
        ]
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=begin, EndTime=end
        )
        found: dict[datetime, dict[str, float]] = defaultdict(dict)
        for result in (result for page in pages for result in page["MetricDataResults"]):
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                found[at][result["Id"]] = value
        return [
            MinuteMetrics(
                at=at,
                bytes=values.get("written0", 0.0),
                records=values.get("written1", 0.0),
                rejected=values.get("written2", 0.0),
                lag=max(
                    (
                        timedelta(milliseconds=value)
                        for id_, value in values.items()
                        if id_.startswith("lag")
                    ),
                    default=None,
                ),
            )
            for at, values in sorted(found.items())
        ]
