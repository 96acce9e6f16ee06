"""A fake table for the two requests that projections make; it counts the billed write units.

An integration test compares it with DynamoDB.
"""

import math
import re
from typing import Any

from lambdas.runtime.dynamodb import from_item
from tests.support.doubles import ClientDouble

MAX_EXPRESSION = 4_096
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


class Cancelled(Exception):
    """DynamoDB's TransactionCanceledException."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__(codes)
        self.response = {"CancellationReasons": [{"Code": code} for code in codes]}


class Exceptions:
    TransactionCanceledException = Cancelled


class FakeTable(ClientDouble):
    """Items by their key's values. Writes of the keys in ``broken`` fail."""

    exceptions = Exceptions

    def __init__(self, *, broken: set[str] | None = None) -> None:
        self.items: dict[tuple[str, ...], dict[str, Any]] = {}
        self.requests = 0
        self.billed = 0
        self._broken = broken or set()

    def update_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: dict[str, Any],  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ExpressionAttributeNames: dict[str, str],  # noqa: N803
        ExpressionAttributeValues: dict[str, Any],  # noqa: N803
    ) -> None:
        self.requests += 1
        assert len(UpdateExpression) <= MAX_EXPRESSION
        self._check(Key)
        row = self._row(Key)
        verb, _, clauses = UpdateExpression.partition(" ")
        values = from_item(ExpressionAttributeValues)
        for clause in clauses.split(", #"):
            names = re.findall(r"#?(\w+)(?:[ =,(]|$)", clause)
            name = ExpressionAttributeNames[f"#{names[0]}"]
            value = values[re.findall(r":\w+", clause)[-1]]
            if verb == "ADD":
                row[name] = row.get(name, 0) + value
            else:
                assert "if_not_exists" in clause
                row.setdefault(name, value)
        self.billed += _units(row)

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
        self.requests += 1
        assert len(TransactItems) <= 100
        keys = []
        codes = []
        for item in TransactItems:
            ((kind, request),) = item.items()
            key = request["Key"] if kind == "Update" else request["Item"]
            self._check(key)
            keys.append(_values(key))
            known = kind == "Put" and _values(key) in self.items
            codes.append("ConditionalCheckFailed" if known else "None")
        assert len(set(keys)) == len(keys), "no item twice"
        if set(codes) != {"None"}:
            raise Cancelled(codes)
        for item in TransactItems:
            ((kind, request),) = item.items()
            if kind == "Put":
                self.items[_values(request["Item"])] = from_item(request["Item"])
                self.billed += 2
            else:
                before = self.billed
                self.update_item(**request)
                self.requests -= 1
                self.billed += self.billed - before

    def _check(self, key: dict[str, Any]) -> None:
        if self._broken & set(_values(key)):
            raise ConnectionError("no table")

    def _row(self, key: dict[str, Any]) -> dict[str, Any]:
        return self.items.setdefault(_values(key), from_item(key))


def _units(row: dict[str, Any]) -> int:
    """What a write is billed: one for each KB begun of the whole item, by DynamoDB's own count.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return math.ceil((_size(row) - 3 - len(row)) / 1_024)


def _size(value: Any) -> int:
    match value:
        case str():
            return len(value.encode())
        case int():
            return len(str(value)) // 2 + 2
    return 3 + sum(1 + _size(name) + _size(inner) for name, inner in value.items())


def _values(key: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(value["S"]) for value in key.values())
