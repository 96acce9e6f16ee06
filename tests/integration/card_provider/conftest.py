from collections.abc import Callable
from typing import Any

import pytest

from simulators.card_provider import store


@pytest.fixture
def table(make_table: Callable[[str, str], str]) -> str:
    return make_table("charges", "key")


@pytest.fixture(autouse=True)
def settings(table: str, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The function's environment, and its table in the local cloud."""
    monkeypatch.setenv("CHARGES_TABLE", table)
    monkeypatch.setenv("CHARGE_LIMIT", "100000")
    monkeypatch.setattr(store, "client", {"dynamodb": dynamodb}.__getitem__)
    return monkeypatch


@pytest.fixture
def items(table: str, dynamodb: Any) -> Callable[[str], dict[str, str]]:
    """Reads the provider's record of a key, types stripped."""

    def read(key: str) -> dict[str, str]:
        item = dynamodb.get_item(TableName=table, Key={"key": {"S": key}}).get("Item", {})
        return {name: next(iter(value.values())) for name, value in item.items()}

    return read
