"""The streams that mappings read: their shards and records, and the rights to read them."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from ministack.services import dynamodb, dynamodb_streams, kinesis

from emulator.delivery_rules.failure_records import BatchInfo
from emulator.delivery_rules.stream_records import Record


class ShardSource(NamedTuple):
    """A shard as the emulator stores it."""

    id: str
    parents: tuple[str, ...]
    closed: bool
    start: int
    """The position of the first of the records."""
    records: list[Any]

    @property
    def end(self) -> int:
        """The position after the last of the records."""
        return self.start + len(self.records)


class KinesisStream:
    """A Kinesis stream, or a registered consumer of one."""

    info: BatchInfo = "KinesisBatchInfo"

    def __init__(self, arn: str) -> None:
        """`arn` is the ARN of the mapping's event source."""
        self._source = arn
        self.arn, _, consumer = arn.partition("/consumer/")
        reading = ("SubscribeToShard",) if consumer else ("GetShardIterator", "GetRecords")
        self.needs = [
            *((f"kinesis:{action}", self.arn) for action in ("DescribeStream", "ListShards")),
            *((f"kinesis:{action}", arn) for action in reading),
        ]

    def shards(self) -> Iterator[ShardSource]:
        """Yield the shards, closed ones first."""
        stream = kinesis._resolve_stream_by_arn(self.arn)
        if not stream or (self._source != self.arn and self._source not in kinesis._consumers):
            return
        for closed, shards in ((True, stream.get("closed_shards", {})), (False, stream["shards"])):
            for name, shard in list(shards.items()):
                parents = shard.get("parents", ())
                yield ShardSource(name, parents, closed, shard.get("expired", 0), shard["records"])

    def record(self, shard: str, position: int, raw: Any, role: str) -> Record:
        """Return a record in the form that the function receives; `role` is the ARN of its role."""
        sequence, key = raw["SequenceNumber"], raw["PartitionKey"]
        arrived = raw["ApproximateArrivalTimestamp"]
        body = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": key,
                "sequenceNumber": sequence,
                "data": kinesis._ensure_base64(raw["Data"]),
                "approximateArrivalTimestamp": arrived,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": role,
            "awsRegion": self.arn.split(":")[3],
            "eventSourceARN": self._source,
        }
        return Record(position=position, sequence=sequence, key=key, arrived=arrived, body=body)


class TableStream:
    """The stream of a DynamoDB table."""

    info: BatchInfo = "DDBStreamBatchInfo"

    def __init__(self, arn: str) -> None:
        """`arn` is the ARN of the mapping's event source."""
        self.arn = arn
        self._table = arn.split("/")[1]
        actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
        self.needs = [(f"dynamodb:{action}", arn) for action in actions]

    def shards(self) -> Iterator[ShardSource]:
        """Yield the shards, closed ones first."""
        name = dynamodb_streams._DEFAULT_SHARD_ID
        table = dynamodb._tables.get(self._table)
        if table and table.get("LatestStreamArn") == self.arn:
            first = dynamodb.stream_start_position(self._table)
            yield ShardSource(name, (), False, first, dynamodb.stream_live_records(self._table))
        elif closed := dynamodb.closed_stream(self.arn):
            yield ShardSource(name, (), True, closed["trimmed"], closed["records"])

    def record(self, shard: str, position: int, raw: Any, role: str) -> Record:
        """Return a record in the form that the function receives; `role` is the ARN of its role."""
        change = raw["dynamodb"]
        return Record(
            position=position,
            sequence=change["SequenceNumber"],
            key=json.dumps(change["Keys"], sort_keys=True),
            arrived=change["ApproximateCreationDateTime"],
            body=raw,
        )
