"""Where a rebuild has facts from: the archive first, and then the order stream.

Both give what they have in no order that could be relied upon, and some of it twice.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ops.replay import archive
from ops.replay.archive import Archive

WAIT_SECONDS = 2
"""Seconds for which a receive call waits: it then asks all of SQS's servers, not some.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""
MAX_EMPTY_RECEIVES = 2
"""So many receive calls in a row that find nothing end a replay that is over."""
BATCH_SIZE = 500
"""Records that are read from a shard at a time."""


class ReplayReader:
    """All that an archive holds, through the queue of the rule for replays, and nothing but that.

    The archive may lag by ten minutes, so what is new is to be had from the stream.
    """

    def __init__(self, events: Any, sqs: Any, *, backbone: Mapping[str, str]) -> None:
        """``backbone`` are the outputs of the stack of that name."""
        self._archive = Archive(events, backbone["EventArchiveArn"])
        self._sqs = sqs
        self._rule = backbone["ReplayRuleArn"]
        self._queue = backbone["ReplayQueueUrl"]
        self._replay: archive.Replay | None = None

    def start(self, name: str, *, now: datetime) -> None:
        """Ask for the replay; refused while another one is under way: it has the same queue."""
        # What was told when the archive was new may have happened before.
        first = self._archive.describe()["CreationTime"] - timedelta(days=1)
        self._replay = self._archive.replay(name, since=first, until=now, rules=[self._rule])

    def receive(self) -> list[Mapping[str, Any]]:
        """Some messages; they come again unless they are ``done`` within a minute."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_SECONDS
        )
        return list(answer.get("Messages", []))

    def delete(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """What was made of these messages is written."""
        if messages:
            entries = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(messages)
            ]
            self._sqs.delete_message_batch(QueueUrl=self._queue, Entries=entries)

    @property
    def is_complete(self) -> bool:
        """Whether everything is in the queue; raises if the replay came to another end."""
        return self._replay is not None and self._replay.is_complete

    def cancel(self) -> None:
        """End it, if it was started and has not ended."""
        if self._replay is not None:
            self._replay.cancel()


class OrderStreamReader:
    """What came into the order stream since some time, and what comes in."""

    def __init__(self, kinesis: Any, name: str, *, since: datetime) -> None:
        self._kinesis = kinesis
        self._name = name
        self._since = since
        self._iterators: dict[str, str | None] = {}
        self._last: dict[str, str] = {}
        self._next = 0.0
        self._find_shards()

    def read(self) -> Iterator[tuple[Sequence[bytes], int]]:
        """Read once from each shard: some records, and by how many milliseconds it is behind.

        That is one at least when the shard has ended: what follows in its children was not read.

        Not more than once a second, for a shard is read five times a second at most, and the
        projections read it as well.
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
                # It was split or merged.
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
            # Five minutes went by since it was given.
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
