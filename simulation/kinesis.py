"""A Kinesis stream, whose shards are split and merged while records flow."""

import base64
import json
from collections.abc import Mapping
from hashlib import md5
from typing import Any

from simulation.kernel import Kernel
from simulation.streams import StreamMapping

HASHES = 1 << 128


class Stream:
    """A stream of events, each a record.

    A record's shard is the one whose range has the hash of its partition key.
    """

    def __init__(self, kernel: Kernel, *, shards: int) -> None:
        self.open: dict[str, range] = {}
        """The hashes of each shard that takes records."""
        self.parents: dict[str, tuple[str, ...]] = {}
        self._kernel = kernel
        self._mappings: list[StreamMapping] = []
        self.reshard(shards)

    def map(self, mapping: StreamMapping) -> None:
        """Let a mapping read the stream from its beginning."""
        self._mappings.append(mapping)
        for shard in self.open:
            mapping.open(shard)

    def shard_of(self, key: str) -> str:
        """Return the shard that takes records with this partition key."""
        hash_ = int.from_bytes(md5(key.encode(), usedforsecurity=False).digest())
        return next(shard for shard, hashes in self.open.items() if hash_ in hashes)

    def put(self, event: Mapping[str, Any], key: str) -> None:
        """Put an event."""
        now, shard = self._kernel.now, self.shard_of(key)
        data = base64.b64encode(json.dumps(event).encode()).decode()
        record = {"partitionKey": key, "data": data, "approximateArrivalTimestamp": now}
        body = {"eventSource": "aws:kinesis", "eventName": "aws:kinesis:record", "kinesis": record}
        for mapping in self._mappings:
            mapping.deliver(body, "kinesis", at=now, filtered={"data": event}, shard=shard, key=key)

    def reshard(self, count: int) -> None:
        """Replace the shards by so many, with equal ranges, as UpdateShardCount does.

        A new shard's parents are those with a part of its range.
        """
        before, size = self.open, HASHES // count
        self.open = {}
        for number in range(count):
            end = HASHES if number == count - 1 else (number + 1) * size
            hashes, shard = range(number * size, end), f"shardId-{len(self.parents):012}"
            self.open[shard] = hashes
            self.parents[shard] = tuple(
                name
                for name, old in before.items()
                if old.start < hashes.stop and hashes.start < old.stop
            )
            for mapping in self._mappings:
                mapping.open(shard, self.parents[shard])
        for shard in before:
            for mapping in self._mappings:
                mapping.close(shard)
