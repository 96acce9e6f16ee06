"""Streams, and streams of tables, that a function reads."""

from datetime import UTC, datetime, timedelta

import pytest

from emulator.cloud import Cloud
from tests.support.consumers import LOG, READ_STREAM, READ_TABLE, STREAM, TABLE, put
from tests.support.small_stacks import Stack, client, get, ref, role

ROLE = role(*READ_STREAM, *READ_TABLE, *LOG, "sqs:SendMessage", "s3:PutObject", "s3:ListBucket")


def write(cloud: Cloud, stack: Stack, *ids: str) -> None:
    """Write to the stream or table, in order, in one request."""
    if table := stack.outputs.get("Table"):
        puts = [{"PutRequest": {"Item": {"id": {"S": identifier}}}} for identifier in ids]
        client(cloud, "dynamodb").batch_write_item(RequestItems={table: puts})
    else:
        put(cloud, stack.outputs["Stream"], *ids)


SOURCES = {
    "kinesis": ({"Source": STREAM}, get("Source"), {"Stream": ref("Source")}),
    "table": ({"Source": TABLE}, get("Source", "StreamArn"), {"Table": ref("Source")}),
}
of_each_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def throttle_for_a_minute(cloud: Cloud, stream: str) -> None:
    """Put the metrics of a stream whose writes were throttled, two minutes ago."""
    cloud.client("cloudwatch").put_metric_data(
        Namespace="AWS/Kinesis",
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": "StreamName", "Value": stream}],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=2),
                "Value": value,
            }
            for name, value in (
                ("IncomingRecords", 60_000.0),
                ("WriteProvisionedThroughputExceeded", 9_000.0),
            )
        ],
    )
