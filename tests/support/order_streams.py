"""The time at which an order stream is looked at, and its shards."""

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime.now(UTC).replace(microsecond=0)
WINDOW = timedelta(minutes=15)


def shards(kinesis: Any, name: str) -> int:
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return int(summary["OpenShardCount"])
