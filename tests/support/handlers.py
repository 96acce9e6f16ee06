"""Loads a function's handler as a fresh execution environment does."""

import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.clients import forget_clients

ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


def import_handler(monkeypatch: pytest.MonkeyPatch, module: str, **settings: str) -> Any:
    """Import ``module`` afresh with ``settings`` in its environment; return its handler."""
    for name, value in {**ACCOUNT, **settings}.items():
        monkeypatch.setenv(name, value)
    forget_clients()
    sys.modules.pop(module, None)
    return importlib.import_module(module).handler


@pytest.fixture
def load_offline_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Load a handler whose clients are replaced by the test: ``load(module, **settings)``."""

    def load(module: str, **settings: str) -> Any:
        return import_handler(monkeypatch, module, **settings)

    yield load
    forget_clients()
