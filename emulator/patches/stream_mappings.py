"""Event source mappings of Kinesis and DynamoDB streams.

AWS: `emulator/delivery_rules/stream_batches.py` says what is invoked, retried, split and discarded,
and where that is documented. The mapping reads the stream and writes to the failure destination
with the function's role.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
MiniStack 1.5.33: invokes on the thread that polls; knows no retry limit, bisecting, batching
window, parallelization, AT_TIMESTAMP or consumer, and a failure destination only for records of a
table that grow too old; loses the records that a partial batch response names.
Can go: when `_poll_kinesis` and `_poll_dynamodb_streams` in `services/lambda_svc.py` do this.
"""

import dataclasses
import json
import logging
import math
import time
from functools import partial
from typing import Any
from uuid import uuid4

from ministack.core.concurrency import spawn_background
from ministack.services import lambda_svc, s3

from emulator.delivery_rules.failure_records import failure_record, object_key, with_payload
from emulator.delivery_rules.stream_batches import Shard
from emulator.delivery_rules.stream_records import Batch, DiscardedBatch, Record, Settings, start
from emulator.patches._mapping_poller import MappingPoller, matching_ids, register_poller
from emulator.patches._seams import seam
from emulator.patches._stream_sources import KinesisStream, ShardSource, TableStream
from emulator.patches.permissions import AccessDenied, check
from emulator.patches.sending import DeliveryError, send
from emulator.timer import DELAY_SCALE

logger = logging.getLogger("emulator.mappings")


def install() -> None:
    """Replace MiniStack's handling of mappings of streams; accept consumers as sources."""
    register_poller("kinesis", partial(_StreamPoller, KinesisStream))
    register_poller("dynamodb", partial(_StreamPoller, TableStream))
    stream_name = seam(lambda_svc, "_kinesis_stream_name_from_arn_spec", "spec")
    lambda_svc._kinesis_stream_name_from_arn_spec = lambda spec: stream_name(
        dataclasses.replace(spec, resource=spec.resource.partition("/consumer/")[0])
    )


@dataclasses.dataclass(slots=True)
class _Reading:
    """How far a shard has been read, and when it is due again even if no record arrives."""

    shard: Shard
    read: int
    due: float = 0


class _StreamPoller(MappingPoller):
    def __init__(
        self, stream: type[KinesisStream] | type[TableStream], mapping: dict[str, Any]
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

    def _begin(self, source: ShardSource, position: int) -> _Reading:
        reading = _Reading(Shard(self._settings(), position), position)
        self._readings[source.id] = reading
        return reading

    def _record(self, source: ShardSource, position: int) -> Record:
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

    def _work_on(self, source: ShardSource, reading: _Reading, now: float) -> float:
        settings = self._settings()
        if reading.shard.settings != settings:
            if reading.shard.busy:
                return now + 1
            # After an update Lambda continues from the checkpoint.
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
