"""Whether two tables that are both written to hold the same, item by item."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


PAGE = 100
"""As many keys as one BatchGetItem takes, and as many items as are held at a time."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds, at most, before what a busy table did not answer is asked for again.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
"""
MAX_DIFFS = 1_000
"""With so many items that differ, these are told before the comparison goes on."""

Key = tuple[Any, ...]
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DynamoTable:
    """A table of DynamoDB, read page by page and consistently; ``table`` is boto3's."""

    table: Any
    client: "DynamoDBClient" = field(repr=False)

    @property
    def key_names(self) -> list[str]:
        """The attributes of its key."""
        return [each["AttributeName"] for each in self.table.key_schema]

    def pages(self) -> Iterator[dict[Key, Item]]:
        """All items, by their keys."""
        start: dict[str, Any] = {}
        while True:
            answer = self.table.scan(ConsistentRead=True, Limit=PAGE, **start)
            yield self._by_key(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Those of these items that there are."""
        found: dict[Key, Item] = {}
        for at in range(0, len(keys), PAGE):
            wanted: Any = [
                dict(zip(self.key_names, key, strict=True)) for key in keys[at : at + PAGE]
            ]
            longest = FIRST_PAUSE
            while True:
                answer = self.client.batch_get_item(
                    RequestItems={self.table.name: {"Keys": wanted, "ConsistentRead": True}}
                )
                found |= self._by_key(answer["Responses"][self.table.name])
                unprocessed: dict[str, Any] = dict(answer["UnprocessedKeys"])
                wanted = unprocessed.get(self.table.name, {}).get("Keys")
                if not wanted:
                    break
                time.sleep(random.uniform(0, longest))  # noqa: S311
                longest = min(2 * longest, LONGEST_PAUSE)
        return found

    def delete_all(self) -> int:
        """Delete all items; tell how many there were."""
        gone = 0
        with self.table.batch_writer() as batch:
            for page in self.pages():
                for key in page:
                    batch.delete_item(Key=dict(zip(self.key_names, key, strict=True)))
                gone += len(page)
        return gone

    def _by_key(self, items: Sequence[Item]) -> dict[Key, Item]:
        names = self.key_names
        return {tuple(item[name] for name in names): item for item in items}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How many items of the live table were compared so far, and what differs of the latest."""

    items: int
    differing: Sequence[Key]


def compare(live: Any, rebuilt: Any, *, meanwhile: Callable[[], object]) -> Iterator[Comparison]:
    """Compare two tables; ``meanwhile`` is called after each page.

    Tells what differs whenever that is ``MAX_DIFFS``, and what is left of it at the end: the tables
    were compared when this has ended, and not before. No more than a page of items is held, and the
    keys of ``MAX_DIFFS`` and a page that differ.
    """
    items, differing = 0, dict[Key, None]()
    for one, other, counted in ((live, rebuilt, True), (rebuilt, live, False)):
        for page in one.pages():
            there = other.batch_get(list(page))
            differing |= {key: None for key, item in page.items() if there.get(key) != item}
            items += counted * len(page)
            if len(differing) >= MAX_DIFFS:
                yield Comparison(items=items, differing=list(differing))
                differing.clear()
            meanwhile()
    yield Comparison(items=items, differing=list(differing))


def still_differing(live: Any, rebuilt: Any, keys: Sequence[Key]) -> list[Key]:
    """Those of the keys under which the tables do not hold the same even now."""
    differing: list[Key] = []
    for at in range(0, len(keys), PAGE):
        some = keys[at : at + PAGE]
        one, other = live.batch_get(some), rebuilt.batch_get(some)
        differing += [key for key in some if one.get(key) != other.get(key)]
    return differing
