"""What is known of a stream: its shards, its changes and the metrics of each minute."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas.backbone.domain import MAX_CALLS_PER_DAY, MinuteMetrics
from lambdas.backbone.stream import OrderStream
from tests.support.order_streams import NOW, WINDOW


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
