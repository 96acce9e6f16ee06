"""A stream is resharded once, and each change is counted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.backbone.domain import MAX_CALLS_PER_DAY, Limits, decide
from lambdas.backbone.stream import RESHARDED_TAG, TAG_TIME_FORMAT, OrderStream
from tests.support.order_streams import NOW, WINDOW
from tests.support.spy import Spy

LIMITS = Limits(floor=1, ceiling=8, cooldown=WINDOW)


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

    def test_edited_time_is_left_out(self, orders: OrderStream, kinesis: Any, name: str):
        edited = f"{NOW - timedelta(hours=1):{TAG_TIME_FORMAT}} yesterday"
        kinesis.add_tags_to_stream(StreamName=name, Tags={RESHARDED_TAG: edited})

        changes = orders.observe(now=NOW, window=WINDOW).changes

        assert list(changes) == [NOW - timedelta(hours=1)]

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
