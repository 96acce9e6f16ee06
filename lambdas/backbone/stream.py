"""The order stream: what AWS tells of it, and how its shards are changed.

AWS does not tell when it was changed. So a change is written on the stream itself, as a tag, before
it is asked for: a run that dies in between has used up a call that it did not make, and never makes
one that nobody counts. A call that AWS refused is taken off again. Two runs at once ask for the
same number of shards, and AWS takes no second change while it makes one; the tag then counts it
once, as it was made once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.backbone.domain import DAY, MinuteMetrics, StreamState

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_kinesis import KinesisClient


RESHARDED_TAG = "Resharded"
# A tag's value has 256 characters, and none of them may be a colon: ten of these fit.
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Tag.html
TAG_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
WRITE_METRICS = ("IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded")
POLLING_LAG_METRIC, FAN_OUT_LAG_METRIC = (
    "GetRecords.IteratorAgeMilliseconds",
    "SubscribeToShardEvent.MillisBehindLatest",
)
"""How far consumers are behind: those that poll, all in one, and each that has enhanced fan-out.

https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
"""


class OrderStream:
    """The stream of that name, by boto3's clients of Kinesis and CloudWatch."""

    def __init__(
        self, name: str, *, kinesis: "KinesisClient", cloudwatch: "CloudWatchClient"
    ) -> None:
        self._name = name
        self._kinesis = kinesis
        self._cloudwatch = cloudwatch

    def observe(self, *, now: datetime, window: timedelta) -> StreamState:
        """What is known now, with the minutes of the last while."""
        summary = self._describe()
        consumers = self._list_consumers(summary["StreamARN"])
        return StreamState(
            shards=summary["OpenShardCount"],
            active=summary["StreamStatus"] == "ACTIVE",
            changes=[moment for moment in self._load_changes() if moment > now - DAY],
            minutes=self._read_minutes(now - window, now, consumers),
        )

    def reshard(self, stream: StreamState, *, shards: int, now: datetime) -> bool:
        """Change what was seen to so many shards; False if somebody else is changing it.

        Raises ClientError when AWS does not change it for another reason.
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
        """Whether the shards are as seen: no request of ours, and nobody else, changes them."""
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
        return [
            datetime.strptime(text, TAG_TIME_FORMAT).replace(tzinfo=UTC) for text in written.split()
        ]

    def _list_consumers(self, stream: str) -> list[str]:
        """The names of those that have enhanced fan-out; there are fewer than a page holds.

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
        """What CloudWatch has; in a minute that has anything, what it does not tell is nothing.

        But for the lag: a consumer that asks tells how far behind it is, be it by zero.
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
