"""The handler reshards a stream that is throttled, and says why."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.backbone.domain import MAX_CALLS_PER_DAY
from tests.support.order_streams import shards


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
        measure(2, now=datetime.now(UTC), records=90_000.0, rejected=5_000.0)

        assert scale({}, None) == {"shards": 4, "changed": True}
        assert scale({}, None) == {"shards": 4, "changed": False}

        assert shards(kinesis, name) == 4
        first, second = map(json.loads, capsys.readouterr().out.splitlines())
        assert (first["shards"], first["to"], first["reason"]) == (2, 4, "writes are throttled")
        assert first["recent"][0]["rejected"] == 5_000.0
        assert second["reason"] == "the last change was a short while ago"
        assert second["calls_left"] == MAX_CALLS_PER_DAY - 1
