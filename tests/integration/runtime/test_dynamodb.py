"""Conditional writes in DynamoDB."""

from typing import Any

import pytest

from lambdas.contracts.bounds import MAX_INTEGER
from lambdas.runtime.dynamodb import (
    from_item,
    put_if_absent,
    put_if_newer,
    put_if_unchanged,
    to_attribute,
    to_item,
)


class TestPutIfAbsent:
    @pytest.fixture
    def table(self, make_table: Any) -> str:
        name: str = make_table("things", "id")
        return name

    def test_existing_row_is_kept_and_returned(self, dynamodb: Any, table: str):
        first, second = {"id": "1", "n": 1}, {"id": "1", "n": 2}

        assert put_if_absent(dynamodb, table, first, key="id") == first
        assert put_if_absent(dynamodb, table, second, key="id") == first

    def test_other_errors_are_raised(self, dynamodb: Any):
        with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
            put_if_absent(dynamodb, "no-such-table", {"id": "1"}, key="id")


class TestPutIfUnchanged:
    OLD, NEW = {"id": "1", "n": 1, "said": ["a"]}, {"id": "1", "n": 2}

    @pytest.fixture
    def table(self, dynamodb: Any, make_table: Any) -> str:
        name: str = make_table("things", "id")
        put_if_absent(dynamodb, name, self.OLD, key="id")
        return name

    def put(self, dynamodb: Any, table: str, old: Any, new: Any) -> bool:
        return put_if_unchanged(
            dynamodb, table, old, new, version_attributes=["n", "said", "later"]
        )

    def kept(self, dynamodb: Any, table: str) -> Any:
        key = to_item({"id": "1"})
        return from_item(dynamodb.get_item(TableName=table, Key=key)["Item"])

    def test_unchanged_row_is_replaced(self, dynamodb: Any, table: str):
        assert self.put(dynamodb, table, self.OLD, self.NEW)
        assert self.kept(dynamodb, table) == self.NEW

    @pytest.mark.parametrize("seen", [{"n": 2}, {"said": ["b"]}, {"later": True}])
    def test_changed_row_is_kept(self, dynamodb: Any, table: str, seen: dict[str, Any]):
        assert not self.put(dynamodb, table, self.OLD | seen, self.NEW)
        assert not self.put(dynamodb, table, {}, self.NEW)
        assert self.kept(dynamodb, table) == self.OLD

    def test_missing_row_is_put_once(self, dynamodb: Any, table: str):
        assert self.put(dynamodb, table, {}, self.NEW | {"id": "2"})
        assert not self.put(dynamodb, table, {}, self.NEW | {"id": "2"})


class TestPutIfNewer:
    @pytest.fixture
    def table(self, make_table: Any) -> str:
        name: str = make_table("views", "sku")
        return name

    @pytest.mark.parametrize("edited", [MAX_INTEGER + 1, 10**37, -1, "9", None, [9]])
    def test_row_whose_sequence_is_none_of_an_event_is_replaced(
        self, dynamodb: Any, table: str, edited: Any
    ):
        row = {"sku": {"S": "A"}, "sequence": to_attribute(edited)}
        dynamodb.put_item(TableName=table, Item=row)

        assert put_if_newer(dynamodb, table, {"sku": "A", "sequence": 2}, key="sku")
        assert not put_if_newer(dynamodb, table, {"sku": "A", "sequence": 1}, key="sku")
