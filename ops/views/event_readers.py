"""The events from which a view is rebuilt: first from the archive, then from the order stream.

Both deliver events in any order, and some of them twice.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ops.replay.archive import Archive, Replay

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_kinesis import KinesisClient
    from types_boto3_sqs import SQSClient


WAIT_SECONDS = 2
"""Seconds for which a receive call waits. A long poll asks all of SQS's servers, not some.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""
MAX_EMPTY_RECEIVES = 2
"""After the replay, this many receive calls in a row without a message end the reading."""
BATCH_SIZE = 500
"""How many records are read from a shard at a time."""


class ReplayQueue:
    """The queue of the rule for replays. It receives nothing else."""

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def receive(self) -> list[Mapping[str, Any]]:
        """Receive some messages.

        They return to the queue unless they are deleted within a minute.
        """
        answer = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_SECONDS
        )
        return list(answer.get("Messages", []))

    def delete(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Delete messages whose events have been written."""
        if messages:
            entries: list[Any] = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(messages)
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)


def replay_all(
    events: "EventBridgeClient", backbone: Mapping[str, str], name: str, *, until: datetime
) -> Replay:
    """Start a replay of the whole archive to the rule for replays.

    ``backbone`` are the outputs of the stack of that name. The archive may lag by ten minutes, so
    newer events are read from the order stream.

    Raises:
        OperationError: another replay is running. It would use the same queue.
    """
    archive = Archive(events, backbone["EventArchiveArn"])
    # An archived event has the time at which it happened, which may be before the archive's start.
    first = archive.describe()["CreationTime"] - timedelta(days=1)
    return archive.replay(name, since=first, until=until, rules=[backbone["ReplayRuleArn"]])


class OrderStreamReader:
    """Reads the order stream from a given time on."""

    def __init__(self, kinesis: "KinesisClient", name: str, *, since: datetime) -> None:
        self._kinesis = kinesis
        self._name = name
        self._since = since
        self._iterators: dict[str, str | None] = {}
        self._last: dict[str, str] = {}
        self._next = 0.0
        self._find_shards()

    @property
    def is_due(self) -> bool:
        """Whether the next read would not have to wait."""
        return time.monotonic() >= self._next

    def read(self) -> Iterator[tuple[Sequence[bytes], int]]:
        """Read once from each shard; yield records, and how many milliseconds the reader is behind.

        If a shard was split or merged, its records continue in its children, so the reader is at
        least 1 ms behind. Reads are at least a second apart: a shard allows five reads a second,
        which are shared with the projections.
        https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
        """
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + 1
        for shard, iterator in list(self._iterators.items()):
            if iterator is None:
                continue
            answer = self._get(shard, iterator)
            records = answer["Records"]
            if records:
                self._last[shard] = records[-1]["SequenceNumber"]
            self._iterators[shard] = answer.get("NextShardIterator")
            behind = answer["MillisBehindLatest"]
            if self._iterators[shard] is None:
                # The shard was split or merged.
                self._find_shards()
                behind = max(behind, 1)
            yield [record["Data"] for record in records], behind

    def _find_shards(self) -> None:
        for page in self._kinesis.get_paginator("list_shards").paginate(StreamName=self._name):
            for shard in page["Shards"]:
                if shard["ShardId"] not in self._iterators:
                    self._iterators[shard["ShardId"]] = self._iterator(shard["ShardId"])

    def _get(self, shard: str, iterator: str) -> Any:
        try:
            return self._kinesis.get_records(ShardIterator=iterator, Limit=BATCH_SIZE)
        except self._kinesis.exceptions.ExpiredIteratorException:
            # A shard iterator is valid for five minutes.
            return self._kinesis.get_records(ShardIterator=self._iterator(shard), Limit=BATCH_SIZE)

    def _iterator(self, shard: str) -> str:
        after: dict[str, Any] = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self._since}
        if shard in self._last:
            after = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": self._last[shard],
            }
        answer = self._kinesis.get_shard_iterator(StreamName=self._name, ShardId=shard, **after)
        return str(answer["ShardIterator"])
