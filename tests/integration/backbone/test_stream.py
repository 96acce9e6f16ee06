"""The order stream in Kinesis, and the handler; the tests put the metrics of CloudWatch."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.backbone.domain import MAX_CALLS_PER_DAY, Limits, MinuteMetrics, decide
from lambdas.backbone.stream import RESHARDED_TAG, OrderStream
from tests.support.handlers import ACCOUNT
from tests.support.spy import Spy

NOW = datetime.now(UTC).replace(microsecond=0)
WINDOW = timedelta(minutes=15)
LIMITS = Limits(floor=1, ceiling=8, cooldown=WINDOW)
NUMBERS = count(1)


@pytest.fixture(scope="module")
def make_client(endpoint: str) -> Callable[[str], Any]:
    return lambda service: boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint,
        region_name=ACCOUNT["AWS_DEFAULT_REGION"],
        aws_access_key_id=ACCOUNT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ACCOUNT["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture(scope="module")
def kinesis(make_client: Callable[[str], Any]) -> Any:
    return make_client("kinesis")


@pytest.fixture(scope="module")
def cloudwatch(make_client: Callable[[str], Any]) -> Any:
    return make_client("cloudwatch")


@pytest.fixture
def name(kinesis: Any) -> Iterator[str]:
    """A stream of two shards, for one test only."""
    name = f"orders-{next(NUMBERS)}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    yield name
    kinesis.delete_stream(StreamName=name)


@pytest.fixture
def orders(name: str, kinesis: Any, cloudwatch: Any) -> OrderStream:
    return OrderStream(name, kinesis=kinesis, cloudwatch=cloudwatch)


@pytest.fixture
def measure(name: str, cloudwatch: Any) -> Callable[..., None]:
    """Put the metrics that AWS would have measured that many minutes ago."""

    def put(minutes_ago: int, *, consumer: str = "", **values: float) -> None:
        metrics = {
            "bytes": "IncomingBytes",
            "records": "IncomingRecords",
            "rejected": "WriteProvisionedThroughputExceeded",
            "lag": "GetRecords.IteratorAgeMilliseconds",
            "behind": "SubscribeToShardEvent.MillisBehindLatest",
        }
        dimensions = [{"Name": "StreamName", "Value": name}]
        if consumer:
            dimensions.append({"Name": "ConsumerName", "Value": consumer})
        cloudwatch.put_metric_data(
            Namespace="AWS/Kinesis",
            MetricData=[
                {
                    "MetricName": metrics[key],
                    "Dimensions": dimensions,
                    "Timestamp": NOW - timedelta(minutes=minutes_ago),
                    "Value": value,
                }
                for key, value in values.items()
            ],
        )

    return put


def shards(kinesis: Any, name: str) -> int:
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return int(summary["OpenShardCount"])


class TestObserve:
    def test_unused_stream_has_no_minutes(self, orders: OrderStream):
        seen = orders.observe(now=NOW, window=WINDOW)

        assert (seen.shards, seen.active, seen.calls_left) == (2, True, MAX_CALLS_PER_DAY)
        assert (list(seen.changes), list(seen.minutes)) == ([], [])

    def test_minutes_are_ordered_and_missing_metrics_are_zero(
        self, orders: OrderStream, measure: Callable[..., None]
    ):
        measure(3, bytes=500.0, records=4.0, rejected=1.0, lag=1_500.0)
        measure(3, bytes=500.0, lag=500.0)
        measure(4, records=1.0)
        measure(5, lag=0.0)
        measure(20, records=9.0)

        earlier, silent, later = orders.observe(now=NOW, window=WINDOW).minutes

        def begin(minutes_ago: int) -> datetime:
            return (NOW - timedelta(minutes=minutes_ago)).replace(second=0)

        assert earlier == MinuteMetrics(at=begin(5), lag=timedelta())
        assert silent == MinuteMetrics(at=begin(4), records=1.0, lag=None)
        assert later == MinuteMetrics(
            at=begin(3), bytes=1_000.0, records=4.0, rejected=1.0, lag=timedelta(seconds=1.5)
        )

    @pytest.mark.parametrize(
        ("polled", "pushed", "worst"),
        [
            ({}, {"sales": 0.0, "timelines": 90_000.0}, 90),
            ({"lag": 1_000.0}, {"sales": 90_000.0, "timelines": 0.0}, 90),
            ({"lag": 120_000.0}, {"sales": 90_000.0}, 120),
            ({}, {"sales": 2_000.0, "of another stream": 90_000.0}, 2),
        ],
    )
    def test_lag_is_the_maximum_of_all_consumers(
        self,
        orders: OrderStream,
        kinesis: Any,
        name: str,
        measure: Callable[..., None],
        polled: dict[str, float],
        pushed: dict[str, float],
        worst: int,
    ):
        summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        for consumer in ("sales", "timelines"):
            kinesis.register_stream_consumer(StreamARN=summary["StreamARN"], ConsumerName=consumer)
        measure(3, **polled)
        for consumer, behind in pushed.items():
            measure(3, consumer=consumer, behind=behind)

        (minute,) = orders.observe(now=NOW, window=WINDOW).minutes

        assert minute == MinuteMetrics(at=minute.at, lag=timedelta(seconds=worst))

    def test_metrics_of_another_stream_are_ignored(
        self, kinesis: Any, cloudwatch: Any, measure: Callable[..., None]
    ):
        measure(3, records=4.0)
        kinesis.create_stream(StreamName="another", ShardCount=1)

        other = OrderStream("another", kinesis=kinesis, cloudwatch=cloudwatch)

        assert other.observe(now=NOW, window=WINDOW).minutes == []
        kinesis.delete_stream(StreamName="another")


class TestReshard:
    def test_reshard_changes_shards_and_records_the_change(
        self, orders: OrderStream, kinesis: Any, name: str
    ):
        assert orders.reshard(orders.observe(now=NOW, window=WINDOW), shards=4, now=NOW)

        seen = orders.observe(now=NOW, window=WINDOW)
        assert (seen.shards, list(seen.changes)) == (4, [NOW])

    def test_changes_are_forgotten_after_a_day(self, orders: OrderStream):
        early = NOW - timedelta(hours=24)
        orders.reshard(orders.observe(now=early, window=WINDOW), shards=4, now=early)
        late = NOW - timedelta(hours=23)
        orders.reshard(orders.observe(now=late, window=WINDOW), shards=8, now=late)

        assert list(orders.observe(now=NOW, window=WINDOW).changes) == [late]

    def test_changes_of_a_day_fit_into_a_tag(self, orders: OrderStream, kinesis: Any, name: str):
        moments = [NOW - timedelta(hours=hour) for hour in range(10, 0, -1)]
        for moment in moments:
            orders.reshard(orders.observe(now=moment, window=WINDOW), shards=2, now=moment)

        (tag,) = kinesis.list_tags_for_stream(StreamName=name)["Tags"]
        assert tag["Key"] == RESHARDED_TAG
        assert len(tag["Value"]) <= 256
        assert not set(tag["Value"]) - set("0123456789TZ ")
        assert list(orders.observe(now=NOW, window=WINDOW).changes) == moments

    def test_other_tags_are_kept(self, orders: OrderStream, kinesis: Any, name: str):
        kinesis.add_tags_to_stream(StreamName=name, Tags={"Team": "backbone"})

        orders.reshard(orders.observe(now=NOW, window=WINDOW), shards=4, now=NOW)

        tags = kinesis.list_tags_for_stream(StreamName=name)["Tags"]
        assert {tag["Key"] for tag in tags} == {"Team", RESHARDED_TAG}
        assert list(orders.observe(now=NOW, window=WINDOW).changes) == [NOW]

    def test_crash_before_the_call_uses_one_up(self, name: str, kinesis: Any, cloudwatch: Any):
        class Death(Exception):
            pass

        def die(operation: str) -> None:
            if operation == "update_shard_count":
                raise Death

        dying = OrderStream(name, kinesis=Spy(kinesis, die), cloudwatch=cloudwatch)
        with pytest.raises(Death):
            dying.reshard(dying.observe(now=NOW, window=WINDOW), shards=4, now=NOW)

        after = OrderStream(name, kinesis=kinesis, cloudwatch=cloudwatch)
        seen = after.observe(now=NOW, window=WINDOW)
        assert (seen.shards, seen.calls_left) == (2, MAX_CALLS_PER_DAY - 1)

    @pytest.mark.parametrize(
        ("status", "acts", "counted"),
        [
            (400, False, 0),
            # AWS's own failure says nothing about what it did,
            (500, False, 1),
            # and a refusal nothing about a first request, whose answer was lost.
            (400, True, 1),
        ],
    )
    @pytest.mark.parametrize("before", [0, 1])
    def test_rejected_call_is_not_counted(
        self,
        name: str,
        kinesis: Any,
        cloudwatch: Any,
        status: int,
        acts: bool,
        counted: int,
        before: int,
    ):
        def refuse(operation: str) -> None:
            if operation == "update_shard_count":
                if acts:
                    kinesis.update_shard_count(
                        StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING"
                    )
                error = {"Code": "LimitExceededException"}
                answer: Any = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}
                raise ClientError(answer, operation)

        orders = OrderStream(name, kinesis=kinesis, cloudwatch=cloudwatch)
        for hour in range(before):
            earlier = NOW - timedelta(hours=1 + hour)
            orders.reshard(orders.observe(now=earlier, window=WINDOW), shards=2, now=earlier)
        refused = OrderStream(name, kinesis=Spy(kinesis, refuse), cloudwatch=cloudwatch)
        with pytest.raises(ClientError, match="LimitExceeded"):
            refused.reshard(refused.observe(now=NOW, window=WINDOW), shards=4, now=NOW)

        seen = orders.observe(now=NOW, window=WINDOW)
        assert seen.calls_left == MAX_CALLS_PER_DAY - before - counted

    @pytest.mark.parametrize(
        ("meet_at", "answers"),
        [
            ("add_tags_to_stream", [4, 4]),
            # The second one sees by the tag that a change is on its way.
            ("update_shard_count", [4, 2]),
        ],
    )
    @pytest.mark.parametrize("slow", [True, False], ids=["while it changes", "once it has"])
    def test_concurrent_runs_make_one_change(
        self,
        meet_at: str,
        answers: list[int],
        slow: bool,
        name: str,
        kinesis: Any,
        cloudwatch: Any,
        measure: Callable[..., None],
    ):
        for minutes_ago in range(14, 1, -1):
            measure(minutes_ago, records=110_000.0)
        asked: list[int] = []
        met: list[bool] = []

        def run(before: Callable[[str], object]) -> bool:
            orders = OrderStream(name, kinesis=Spy(kinesis, before), cloudwatch=cloudwatch)
            seen = orders.observe(now=NOW, window=WINDOW)
            decision = decide(seen, LIMITS, now=NOW)
            asked.append(decision.shards)
            changes = decision.shards != seen.shards
            return changes and orders.reshard(seen, shards=decision.shards, now=NOW)

        def other(operation: str) -> None:
            if operation == meet_at and not met:
                met.append(run(lambda _: None))
            if operation == "update_shard_count" and slow and met == [True]:
                # As AWS answers while it makes the other's change.
                raise kinesis.exceptions.ResourceInUseException({}, operation)

        first = run(other)

        assert asked == answers
        assert (met, first) == ([answers == [4, 4]], not (slow and met == [True]))
        seen = OrderStream(name, kinesis=kinesis, cloudwatch=cloudwatch).observe(
            now=NOW, window=WINDOW
        )
        assert (seen.shards, list(seen.changes)) == (4, [NOW])


class TestHandler:
    @pytest.fixture
    def scale(self, load_handler: Callable[..., Any], name: str) -> Any:
        return load_handler(
            "lambdas.backbone.scale_stream",
            ORDER_STREAM=name,
            FLOOR="1",
            CEILING="8",
            COOLDOWN_SECONDS="900",
        )

    def test_idle_stream_is_not_resharded(
        self, scale: Any, kinesis: Any, name: str, capsys: pytest.CaptureFixture[str]
    ):
        assert scale({}, None) == {"shards": 2, "changed": False}

        assert (shards(kinesis, name), kinesis.list_tags_for_stream(StreamName=name)["Tags"]) == (
            2,
            [],
        )
        (line,) = map(json.loads, capsys.readouterr().out.splitlines())
        assert (line["message"], line["reason"]) == ("shard_count_decided", "too little is known")

    def test_throttling_doubles_once_and_is_logged(
        self,
        scale: Any,
        kinesis: Any,
        name: str,
        measure: Callable[..., None],
        capsys: pytest.CaptureFixture[str],
    ):
        measure(2, records=90_000.0, rejected=5_000.0)

        assert scale({}, None) == {"shards": 4, "changed": True}
        assert scale({}, None) == {"shards": 4, "changed": False}

        assert shards(kinesis, name) == 4
        first, second = map(json.loads, capsys.readouterr().out.splitlines())
        assert (first["shards"], first["to"], first["reason"]) == (2, 4, "writes are throttled")
        assert first["recent"][0]["rejected"] == 5_000.0
        assert second["reason"] == "the last change was a short while ago"
        assert second["calls_left"] == MAX_CALLS_PER_DAY - 1
