"""The records of Kinesis shards that were split or merged.

AWS: a shard that is split or merged is closed. Its records stay readable until their retention is
over, and its children name it as their parent: they are read after it.
https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
MiniStack 1.5.33: loses the shard and the records in it, and names no parents.
Can go: when `_split_shard` and its like in `services/kinesis.py` keep closed shards.
"""

import itertools
import time
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from ministack.services import kinesis

from emulator.patches._seams import seam


def install() -> None:
    """Keep closed shards with their records, and count the records that expire."""
    seam(kinesis, "_expire_records", "stream")
    kinesis._expire_records = _expire_records
    for name in ("_split_shard", "_merge_shards", "_update_shard_count"):
        setattr(kinesis, name, _keeping_parents(seam(kinesis, name, "data")))


def _expire_records(stream: dict[str, Any]) -> None:
    """Delete the records whose retention has ended, and count them: positions include them."""
    oldest = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard in [*stream["shards"].values(), *stream.get("closed_shards", {}).values()]:
        records = shard["records"]
        old = sum(
            1 for _ in takewhile(lambda r: r["ApproximateArrivalTimestamp"] < oldest, records)
        )
        del records[:old]
        shard["expired"] = shard.get("expired", 0) + old


def _keeping_parents(operation: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap an operation: keep the shards that it closes, as parents of the new ones."""

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
    # MiniStack's UpdateShardCount would number the new shards from 0 again.
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
