"""Compare two tables item by item while both are written."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


PAGE = 100
"""How many keys one BatchGetItem takes, and how many items are held in memory."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""The longest pause, in seconds, before unprocessed keys are requested again.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
"""
MAX_DIFFS = 1_000
"""This many differing items are yielded before the comparison goes on."""

LEASE_KEY = " rebuild"
"""The key of a rebuild's lease. No order, SKU or counter begins with a space."""

Key = tuple[Any, ...]
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DynamoTable:
    """Reads a DynamoDB table consistently, page by page, but no lease; ``table`` is boto3's."""

    table: Any
    client: "DynamoDBClient" = field(repr=False)

    @property
    def key_names(self) -> list[str]:
        """The names of its key attributes."""
        return [each["AttributeName"] for each in self.table.key_schema]

    def pages(self) -> Iterator[dict[Key, Item]]:
        """Yield all items, by their keys."""
        start: dict[str, Any] = {}
        while True:
            answer = self.table.scan(ConsistentRead=True, Limit=PAGE, **start)
            yield self._by_key(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Return the existing items with these keys."""
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
        """Delete all items and return how many there were."""
        gone = 0
        with self.table.batch_writer() as batch:
            for page in self.pages():
                for key in page:
                    batch.delete_item(Key=dict(zip(self.key_names, key, strict=True)))
                gone += len(page)
        return gone

    def _by_key(self, items: Sequence[Item]) -> dict[Key, Item]:
        names = self.key_names
        by_key = {tuple(item[name] for name in names): item for item in items}
        by_key.pop((LEASE_KEY,) * len(names), None)
        return by_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The number of items of the live table compared so far, and the latest keys that differ."""

    items: int
    differing: Sequence[Key]


def compare(live: Any, rebuilt: Any, *, meanwhile: Callable[[], object]) -> Iterator[Comparison]:
    """Compare two tables; call ``meanwhile`` after each page.

    Yield the differing keys whenever there are ``MAX_DIFFS`` of them, and the rest at the end. The
    comparison is complete when the iterator ends. Memory holds one page of items, and at most
    ``MAX_DIFFS`` keys in addition to one page's.
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
    """Read both tables again; return those of the keys whose items still differ."""
    differing: list[Key] = []
    for at in range(0, len(keys), PAGE):
        some = keys[at : at + PAGE]
        one, other = live.batch_get(some), rebuilt.batch_get(some)
        differing += [key for key in some if one.get(key) != other.get(key)]
    return differing
