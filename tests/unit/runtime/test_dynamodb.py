"""DynamoDB items, log entries and settings."""

import importlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.runtime import log as log_module
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.log import log
from lambdas.runtime.settings import SettingInvalid, SettingMissing, setting, whole_number

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


class TestItems:
    @given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
    def test_item_round_trips(self, row: dict[str, Any]):
        assert from_item(to_item(row)) == row

    def test_number_is_read_as_int(self):
        (number,) = from_item({"n": {"N": "3"}}).values()

        assert type(number) is int

    def test_set_has_texts_and_is_not_empty(self):
        assert to_item({"s": {"b", "a"}}) == {"s": {"SS": ["a", "b"]}}
        for value in (set(), {1}):
            with pytest.raises(TypeError, match="rows hold no set"):
                to_item({"s": value})


class TestLog:
    def test_entry_is_one_line_of_json(self, capsys: pytest.CaptureFixture[str]):
        log("said", n=1, text="two\nlines", kind=int)

        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line) == {
            "message": "said",
            "level": "INFO",
            "n": 1,
            "text": "two\nlines",
            "kind": "<class 'int'>",
        }

    def test_entry_of_a_function_names_its_service_and_level(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("_HANDLER", "lambdas.orders.place_order.handler")
        importlib.reload(log_module)
        log_module.log_error("failed")
        monkeypatch.delenv("_HANDLER")
        importlib.reload(log_module)

        assert json.loads(capsys.readouterr().out) == {
            "message": "failed",
            "level": "ERROR",
            "service": "orders",
        }


class TestSettings:
    def test_setting_is_read_from_the_environment(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("SOME_TABLE", "some")

        assert setting("SOME_TABLE") == "some"

    def test_missing_setting_is_named(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("SOME_TABLE", raising=False)

        with pytest.raises(SettingMissing, match="SOME_TABLE is not set"):
            setting("SOME_TABLE")

    def test_whole_number_is_read(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("SOME_SECONDS", "030")

        assert whole_number("SOME_SECONDS") == 30

    @pytest.mark.parametrize("text", ["", "1.5", "soon", "-1", "nan", " 1"])
    def test_setting_that_is_no_whole_number_is_named(
        self, text: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("SOME_SECONDS", text)

        with pytest.raises(SettingInvalid, match=f"SOME_SECONDS is {text!r}: it must be a whole"):
            whole_number("SOME_SECONDS")
