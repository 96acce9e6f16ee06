"""DynamoDB: MiniStack's, called in this process, with streams, and with indexes that lag."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Any

from ministack.services import dynamodb

from lambdas.runtime.dynamodb import from_item
from simulation import chance as kinds
from simulation.chance import Chance
from simulation.kernel import Kernel
from simulation.requests import client_error
from simulation.templates import Resource

Image = dict[str, Any] | None
LAG = 30.0
"""The most seconds by which an index lags."""


_NO_SORT_KEY = "__no_sort__"


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyRow:
    """A row that others also write, so that a share of the transactions on it conflicts."""

    table: str
    key: str
    since: float
    until: float
    share: float


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an item, as in its table's stream."""

    table: str
    at: float
    before: Image
    after: Image


class Tables:
    """The tables of the templates.

    ``on_change`` is called for every change, ``on_write`` for every write.
    """

    def __init__(self, kernel: Kernel, chance: Chance) -> None:
        self._kernel = kernel
        self._chance = chance
        self._changes: list[Change] = []
        self._batch: list[Change] = []
        self._values: dict[tuple[str, str], list[Any]] = {}
        """The values that indexed columns have had, by table and column."""
        self._noted = Counter[tuple[str, str]]()
        """How many of the changes these are from."""
        self.busy: list[BusyRow] = []
        self.on_changes: Callable[[Sequence[Change]], None] = lambda _: None

    def create(self, resources: Sequence[Resource]) -> None:
        """Create the tables again, without items."""
        dynamodb._tables.clear()
        dynamodb._emit_stream_event = self._on_change
        for table in resources:
            names = ("AttributeDefinitions", "BillingMode", "KeySchema", "GlobalSecondaryIndexes")
            declared = {k: v for k, v in table.properties.items() if k in names}
            status, _, body = dynamodb._create_table(
                {"TableName": table.name, **deepcopy(declared)}
            )
            if status != 200:
                raise ValueError(f"{table.name}: {body}")

    def save(self) -> dict[str, Any]:
        """Return the present items of all tables. A write replaces an item, and never changes it.

        So two of these can be compared, and be given to ``restore``.
        """
        return {
            name: {key: dict(by) for key, by in table["items"].items() if by}
            for name, table in dynamodb._tables.items()
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Give all tables the items that ``save`` returned, and note here what changes then."""
        dynamodb._emit_stream_event = self._on_change
        for name, items in saved.items():
            table = dynamodb._tables[name]
            table["items"] = defaultdict(dict, {key: dict(by) for key, by in items.items()})
            table.pop(dynamodb._INDEX_MEMBERS, None)

    def load(self, rows: Mapping[str, Image]) -> None:
        """Replace the items of these tables, each by one item or by none."""
        for name, item in rows.items():
            key = dynamodb._tables[name]["pk_name"]
            self.restore({name: {item[key]["S"]: {_NO_SORT_KEY: item}} if item else {}})

    def item(self, name: str) -> Image:
        """Return the one item of a table, or None if it has none."""
        for items in dynamodb._tables[name]["items"].values():
            item: Image = items.get(_NO_SORT_KEY)
            return item
        return None

    def perform(self, operation: str, request: Mapping[str, Any]) -> Any:
        """Execute an operation; return its answer, or the exception that boto3 raises."""
        if operation == "query" and "IndexName" in request:
            with self._lagging(request["TableName"]):
                return self._perform(operation, request)
        if operation == "transact_write_items":
            items = [next(iter(item.values())) for item in request["TransactItems"]]
            if any(conflicts := self._conflicts(items)):
                codes = ["TransactionConflict" if conflict else "None" for conflict in conflicts]
                reasons = {"CancellationReasons": [{"Code": code} for code in codes]}
                return client_error(
                    "dynamodb", "TransactionCanceledException", operation, **reasons
                )
        return self._perform(operation, request)

    def is_empty(self, query: Mapping[str, Any]) -> bool:
        """Return whether the query's partition of an index has had no item for longer than LAG.

        The jobs query thousands of empty partitions in a run; this saves the query.
        """
        column, _, value = query["KeyConditionExpression"].partition(" AND ")[0].split()
        wanted, name = query["ExpressionAttributeValues"][value], query["TableName"]
        if wanted not in self._values_of(name, column):
            return True
        lag_since = self._kernel.now - LAG
        recent = (
            change.before
            for change in takewhile(lambda change: change.at > lag_since, reversed(self._changes))
            if change.table == name and change.before
        )
        items = (item for by in dynamodb._tables[name]["items"].values() for item in by.values())
        return all(item.get(column) != wanted for item in chain(items, recent))

    def _values_of(self, name: str, column: str) -> list[Any]:
        """Return all values that a column has had, each once."""
        values = self._values.setdefault((name, column), [])
        for number in range(self._noted[name, column], len(self._changes)):
            change = self._changes[number]
            for image in (change.before, change.after) if change.table == name else ():
                if image and column in image and image[column] not in values:
                    values.append(image[column])
        self._noted[name, column] = len(self._changes)
        return values

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Yield the present rows of a table."""
        for items in dynamodb._tables[table]["items"].values():
            yield from map(from_item, items.values())

    def _conflicts(self, items: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Return, for each item of a transaction, whether another transaction is at it."""
        by_chance = self._chance.fault("transaction", [kinds.CONFLICT])
        other = int(self._chance.draw("conflicting item") * len(items)) if by_chance else None
        return [at == other or self._is_busy(item) for at, item in enumerate(items)]

    def _is_busy(self, item: Mapping[str, Any]) -> bool:
        now, keys = self._kernel.now, list(item.get("Key", {}).values())
        return any(
            row.table == item["TableName"]
            and {"S": row.key} in keys
            and row.since <= now < row.until
            and self._chance.draw(f"{row.key} is busy") < row.share
            for row in self.busy
        )

    def _perform(self, operation: str, request: Mapping[str, Any]) -> Any:
        self._batch = []
        status, _, body = getattr(dynamodb, f"_{operation}")(json.loads(json.dumps(request)))
        answer = json.loads(body) if body else {}
        if self._batch:
            self._changes += self._batch
            self.on_changes(self._batch)
        if status == 200:
            return answer
        code = answer.pop("__type").rpartition("#")[2]
        return client_error("dynamodb", code, operation, **answer)

    def _on_change(
        self, table: str, _: str, before: Image, after: Image, replicate: bool = True
    ) -> None:
        if before != after:
            self._batch.append(Change(table, self._kernel.now, before, after))

    @contextmanager
    def _lagging(self, name: str) -> Iterator[None]:
        """Sometimes give the table an earlier state during the context, for a query of an index."""
        if self._chance.fault(f"index of {name}", [kinds.STALE], rate=3) is None:
            yield
            return
        since = self._kernel.now - self._chance.between("lag", 0, LAG)
        table = dynamodb._tables[name]
        now, key = table["items"], table["pk_name"]
        then = {value: dict(items) for value, items in now.items()}
        for change in reversed(self._changes):
            if change.at <= since:
                break
            if change.table == name:
                item = change.before or change.after or {}
                items = then.setdefault(item[key]["S"], {})
                sort = item[table["sk_name"]]["S"] if table["sk_name"] else _NO_SORT_KEY
                items.pop(sort, None)
                if change.before:
                    items[sort] = change.before
        table["items"] = {value: items for value, items in then.items() if items}
        members = table.pop(dynamodb._INDEX_MEMBERS, None)
        try:
            yield
        finally:
            table["items"] = now
            table[dynamodb._INDEX_MEMBERS] = members
