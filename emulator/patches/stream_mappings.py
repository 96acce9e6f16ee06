"""Event source mappings of Kinesis and DynamoDB streams.

AWS: `emulator/delivery_rules/stream_batches.py`
says what is invoked, tried again, split and parked, and where that
is documented. The role of the function reads the stream and writes to the failure destination.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
A shard that came of others by a split or merge is read when they have been read to their end.
https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
MiniStack 1.5.33: invokes on the thread that polls; knows no retry limit, bisecting, batching
window, parallelization, AT_TIMESTAMP or consumer, and a failure destination only for records of a
table that grow too old; loses what a partial batch response calls failed, and with a shard that is
split or merged the records in it.
Can go: when `_poll_kinesis` and `_poll_dynamodb_streams` in `services/lambda_svc.py` do this.
"""

import dataclasses
import itertools
import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple
from uuid import uuid4

from ministack.core.concurrency import spawn_background
from ministack.services import dynamodb, dynamodb_streams, kinesis, lambda_svc, s3

from emulator.delivery_rules.failure_records import (
    BatchInfo,
    failure_record,
    object_key,
    with_payload,
)
from emulator.delivery_rules.stream_batches import (
    Batch,
    DiscardedBatch,
    Record,
    Settings,
    Shard,
    start,
)
from emulator.patches._mapping_poller import MappingPoller, matching_ids, register_poller
from emulator.patches._seams import seam
from emulator.patches.permissions import AccessDenied, check
from emulator.patches.sending import DeliveryError, send
from emulator.patches.timer import DELAY_SCALE

logger = logging.getLogger("emulator.mappings")


def install() -> None:
    """Take over the mappings of streams, accept consumers, and keep the records of old shards."""
    register_poller("kinesis", partial(_StreamPoller, _KinesisStream))
    register_poller("dynamodb", partial(_StreamPoller, _TableStream))
    stream_name = seam(lambda_svc, "_kinesis_stream_name_from_arn_spec", "spec")
    lambda_svc._kinesis_stream_name_from_arn_spec = lambda spec: stream_name(
        dataclasses.replace(spec, resource=spec.resource.partition("/consumer/")[0])
    )
    seam(kinesis, "_expire_records", "stream")
    kinesis._expire_records = _expire_records
    for name in ("_split_shard", "_merge_shards", "_update_shard_count"):
        setattr(kinesis, name, _keeping_parents(seam(kinesis, name, "data")))


class _Source(NamedTuple):
    """A shard as it lies in the emulator: `start` is the position of the first of its records."""

    id: str
    parents: tuple[str, ...]
    closed: bool
    start: int
    records: list[Any]

    @property
    def end(self) -> int:
        return self.start + len(self.records)


class _KinesisStream:
    info: BatchInfo = "KinesisBatchInfo"

    def __init__(self, arn: str) -> None:
        self._source = arn
        self.arn, _, consumer = arn.partition("/consumer/")
        reading = ("SubscribeToShard",) if consumer else ("GetShardIterator", "GetRecords")
        self.needs = [
            *((f"kinesis:{action}", self.arn) for action in ("DescribeStream", "ListShards")),
            *((f"kinesis:{action}", arn) for action in reading),
        ]

    def shards(self) -> Iterator[_Source]:
        stream = kinesis._resolve_stream_by_arn(self.arn)
        if not stream or (self._source != self.arn and self._source not in kinesis._consumers):
            return
        for closed, shards in ((True, stream.get("closed_shards", {})), (False, stream["shards"])):
            for name, shard in list(shards.items()):
                parents = shard.get("parents", ())
                yield _Source(name, parents, closed, shard.get("expired", 0), shard["records"])

    def record(self, shard: str, position: int, raw: Any, role: str) -> Record:
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


class _TableStream:
    info: BatchInfo = "DDBStreamBatchInfo"

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self._table = arn.split("/")[1]
        actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
        self.needs = [(f"dynamodb:{action}", arn) for action in actions]

    def shards(self) -> Iterator[_Source]:
        name = dynamodb_streams._DEFAULT_SHARD_ID
        table = dynamodb._tables.get(self._table)
        if table and table.get("LatestStreamArn") == self.arn:
            first = dynamodb.stream_start_position(self._table)
            yield _Source(name, (), False, first, dynamodb.stream_live_records(self._table))
        elif closed := dynamodb.closed_stream(self.arn):
            yield _Source(name, (), True, closed["trimmed"], closed["records"])

    def record(self, shard: str, position: int, raw: Any, role: str) -> Record:
        change = raw["dynamodb"]
        return Record(
            position=position,
            sequence=change["SequenceNumber"],
            key=json.dumps(change["Keys"], sort_keys=True),
            arrived=change["ApproximateCreationDateTime"],
            body=raw,
        )


@dataclasses.dataclass(slots=True)
class _Reading:
    """How far a shard was read, and when there is work on it even if nothing new arrives."""

    shard: Shard
    read: int
    due: float = 0


class _StreamPoller(MappingPoller):
    def __init__(
        self, stream: type[_KinesisStream] | type[_TableStream], mapping: dict[str, Any]
    ) -> None:
        super().__init__(mapping)
        self._stream = stream(mapping["EventSourceArn"])
        self._readings: dict[str, _Reading] = {}
        timestamp = float(mapping.get("StartingPositionTimestamp") or 0)
        for source in self._stream.shards():
            arrivals = [self._record(source, n).arrived for n in range(source.start, source.end)]
            first = start(mapping["StartingPosition"], arrivals, timestamp)
            self._begin(source, source.start + first)

    def _settings(self) -> Settings:
        return Settings.of(self.mapping, delay_scale=DELAY_SCALE)

    def _begin(self, source: _Source, position: int) -> _Reading:
        reading = _Reading(Shard(self._settings(), position), position)
        self._readings[source.id] = reading
        return reading

    def _record(self, source: _Source, position: int) -> Record:
        raw = source.records[position - source.start]
        return self._stream.record(source.id, position, raw, self.role.arn)

    def work(self, now: float) -> float:
        due = math.inf
        for source in self._stream.shards():
            reading = self._readings.get(source.id) or self._begin(source, source.start)
            parents = (self._readings.get(parent) for parent in source.parents)
            if all(parent is None or parent.shard.finished for parent in parents):
                if source.end > reading.read or now >= reading.due:
                    reading.due = self._work_on(source, reading, now)
                due = min(due, reading.due)
        return due

    def _work_on(self, source: _Source, reading: _Reading, now: float) -> float:
        settings = self._settings()
        if reading.shard.settings != settings:
            if reading.shard.busy:
                return now + 1
            # As Lambda does after an update: go on from the checkpoint.
            reading.read = reading.shard.checkpoint
            reading.shard = Shard(settings, reading.read)
        reading.read = max(reading.read, source.start)
        last = min(source.end, reading.read + reading.shard.capacity)
        if last > reading.read and self.may(self._stream.needs, now):
            records = [self._record(source, position) for position in range(reading.read, last)]
            passing = matching_ids(self.mapping, [record.body for record in records])
            reading.shard.add_records(
                (dataclasses.replace(r, wanted=id(r.body) in passing) for r in records), now
            )
            reading.read = last
        if source.closed and reading.read == source.end:
            reading.shard.close()
        batches, discarded = reading.shard.due(now)
        for given_up in discarded:
            spawn_background(self._discard, source.id, given_up, thread_name="failure-destination")
        for batch in batches:
            event = self._event(source.id, batch)
            self.invoke(event, partial(self._judge, reading, batch))
        return min(reading.shard.next_due(), now + 1)

    def _judge(self, reading: _Reading, batch: Batch, result: dict[str, Any]) -> None:
        reading.shard.complete(
            batch,
            time.time(),
            answer=result.get("body"),
            error=bool(result.get("error")),
            throttled=bool(result.get("throttle")),
        )
        reading.due = 0

    def _event(self, shard: str, batch: Batch) -> dict[str, Any]:
        event: dict[str, Any] = {"Records": [record.body for record in batch.records]}
        if window := batch.window:
            begin, end = (
                time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
                for at in (window.start, window.end)
            )
            event |= {
                "window": {"start": begin, "end": end},
                "state": window.state,
                "shardId": shard,
                "eventSourceARN": self.mapping["EventSourceArn"],
                "isFinalInvokeForWindow": window.final,
                "isWindowTerminatedEarly": window.early,
            }
        return event

    def _discard(self, shard: str, discarded: DiscardedBatch) -> None:
        to = (self.mapping.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
        logger.warning(
            "%s: %d records from %s of %s: to %s", discarded.condition, len(discarded.records),
            discarded.records[0].sequence, self._stream.arn, to or "nowhere",
        )  # fmt: skip
        if not to:
            return
        now = time.time()
        record = failure_record(
            discarded,
            info=self._stream.info,
            stream=self._stream.arn,
            shard=shard,
            function=self.mapping["FunctionArn"],
            request_id=str(uuid4()),
            now=now,
        )
        try:
            if to.split(":")[2] == "s3":
                record = with_payload(record, [record.body for record in discarded.records])
                key = object_key(self.mapping["UUID"], shard, now=now, unique=str(uuid4()))
                self._put(to, key, json.dumps(record))
            else:
                send(to, json.dumps(record), by=self.role)
        except (AccessDenied, DeliveryError) as error:
            logger.error("the failure destination did not take it: %s", error)  # noqa: TRY400

    def _put(self, bucket: str, key: str, body: str) -> None:
        check(self.role, "s3:ListBucket", bucket)
        check(self.role, "s3:PutObject", f"{bucket}/{key}")
        status, _, answer = s3._put_object(bucket.rpartition(":")[2], key, body.encode(), {})
        if status >= 400:
            raise DeliveryError("NoSuchBucket", str(answer), permanent=True)


def _expire_records(stream: dict[str, Any]) -> None:
    """Forget records whose retention is over, and remember how many, as positions count them."""
    oldest = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard in [*stream["shards"].values(), *stream.get("closed_shards", {}).values()]:
        records = shard["records"]
        old = sum(
            1 for _ in takewhile(lambda r: r["ApproximateArrivalTimestamp"] < oldest, records)
        )
        del records[:old]
        shard["expired"] = shard.get("expired", 0) + old


def _keeping_parents(operation: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Keep shards that an operation closes, with their records, and name them in their children."""

    def resharded(data: Any) -> Any:
        _, stream = kinesis._resolve_stream(data)
        before = dict(stream["shards"]) if stream else {}
        response = operation(data)
        if stream:
            _name_parents(stream, before)
        return response

    return resharded


def _name_parents(stream: dict[str, Any], before: dict[str, Any]) -> None:
    after = stream["shards"]
    stay = {name: old for name, old in before.items() if after.get(name) is old}
    gone = {name: old for name, old in before.items() if name not in stay}
    stream.setdefault("closed_shards", {}).update(gone)
    # UpdateShardCount would begin with shard 0 again.
    number = itertools.count(1 + max(int(name[-12:]) for name in before))
    for shard in [new for name, new in after.items() if name not in stay]:
        parents = tuple(name for name, old in gone.items() if _overlap(old, shard))
        shard["parents"] = parents
        shard["parent_shard_id"], shard["adjacent_parent_shard_id"] = (*parents, None)[:2]
        stay[f"shardId-{next(number):012d}"] = shard
    stream["shards"] = stay


def _overlap(one: dict[str, str], other: dict[str, str]) -> bool:
    return int(one["starting_hash_key"]) <= int(other["ending_hash_key"]) and int(
        other["starting_hash_key"]
    ) <= int(one["ending_hash_key"])
