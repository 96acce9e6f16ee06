import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.runtime.dynamodb import from_item, put_if_absent, put_if_unchanged, to_item
from lambdas.runtime.log import log
from lambdas.runtime.settings import SettingMissing, setting

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


class TestItems:
    @given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
    def test_a_row_comes_back_as_it_was(self, row: dict[str, Any]):
        assert from_item(to_item(row)) == row

    def test_numbers_come_back_whole(self):
        (number,) = from_item({"n": {"N": "3"}}).values()

        assert type(number) is int


class TestPutIfAbsent:
    @pytest.fixture
    def table(self, make_table: Any) -> str:
        name: str = make_table("things", "id")
        return name

    def test_the_first_row_stays(self, dynamodb: Any, table: str):
        first, second = {"id": "1", "n": 1}, {"id": "1", "n": 2}

        assert put_if_absent(dynamodb, table, first, key="id") == first
        assert put_if_absent(dynamodb, table, second, key="id") == first

    def test_another_failure_is_not_taken_for_a_conflict(self, dynamodb: Any):
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

    def test_it_is_put_where_the_old_one_stands(self, dynamodb: Any, table: str):
        assert self.put(dynamodb, table, self.OLD, self.NEW)
        assert self.kept(dynamodb, table) == self.NEW

    @pytest.mark.parametrize("seen", [{"n": 2}, {"said": ["b"]}, {"later": True}])
    def test_and_not_where_others_were_first(self, dynamodb: Any, table: str, seen: dict[str, Any]):
        assert not self.put(dynamodb, table, self.OLD | seen, self.NEW)
        assert not self.put(dynamodb, table, {}, self.NEW)
        assert self.kept(dynamodb, table) == self.OLD

    def test_where_there_was_nothing_it_is_new(self, dynamodb: Any, table: str):
        assert self.put(dynamodb, table, {}, self.NEW | {"id": "2"})
        assert not self.put(dynamodb, table, {}, self.NEW | {"id": "2"})


class TestLog:
    def test_it_is_one_line_of_json(self, capsys: pytest.CaptureFixture[str]):
        log("said", n=1, text="two\nlines", kind=int)

        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line) == {
            "message": "said",
            "n": 1,
            "text": "two\nlines",
            "kind": "<class 'int'>",
        }


class TestSettings:
    def test_a_setting_is_the_environments(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("SOME_TABLE", "some")

        assert setting("SOME_TABLE") == "some"

    def test_a_missing_one_is_named(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("SOME_TABLE", raising=False)

        with pytest.raises(SettingMissing, match="SOME_TABLE is not set"):
            setting("SOME_TABLE")
