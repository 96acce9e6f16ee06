"""The platform is left running with something to order, and with an export's orders, if wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from demo import phases, up
from tests.support.exports import ORDERS, write_export

STEPS = ["deliver_demand", "fill_catalogue"]
OF_AN_EXPORT = ["register_customers", "submit_orders", "await_sagas"]


class Platform:
    """A platform that notes what is done with it, and ends as soon as it can be used."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.offered: list[str] = []
        self.users: list[str] = []
        self.explained: dict[str, Any] = {}
        self.cloud = SimpleNamespace(endpoint="https://127.0.0.1:1", directory=directory)
        for step in (*STEPS, *OF_AN_EXPORT):
            monkeypatch.setattr(phases, step, self._step(step))
        for name in ("running", "running_console"):
            monkeypatch.setattr(up, name, self._running)
        monkeypatch.setattr(up, "show_deployment", lambda *_: {})
        monkeypatch.setattr(up, "create_run", self._create)
        monkeypatch.setattr(up, "serve_until_interrupted", lambda *_, ready: ready())
        monkeypatch.setattr(up, "explain", lambda *_, **said: self.explained.update(said))

    def _step(self, name: str) -> Any:
        def step(run: Any, screen: Any, besides: Any = ()) -> None:
            self.done.append(name)
            if name == "fill_catalogue":
                self.offered += [sku for sku, _ in besides]

        return step

    @contextmanager
    def _running(self, *_: Any, **__: Any) -> Iterator[Any]:
        yield self.cloud

    def _create(self, *_: Any, reshard: bool) -> Any:
        assert not reshard
        mailbox = SimpleNamespace(links=lambda: [], confirm=None)
        notifications = SimpleNamespace(register=self.users.append, mailbox=mailbox)
        customers = SimpleNamespace(sign_up=self.users.append)
        return SimpleNamespace(notifications=notifications, customers=customers)


def test_several_customers_and_skus_are_there_to_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    platform = Platform(tmp_path, monkeypatch)

    assert up.up(None, port=None) == 0

    assert platform.done == STEPS
    assert len(set(platform.users)) > 1
    assert len(platform.offered) > 1
    assert platform.explained["customer"] in platform.users
    assert platform.explained["line"][0] in platform.offered


def test_orders_of_an_export_are_placed_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    platform = Platform(tmp_path, monkeypatch)
    export = write_export(tmp_path / "orders.csv", *ORDERS)

    assert up.up(export, port=None) == 0

    assert platform.done == [*STEPS, *OF_AN_EXPORT]
    assert platform.explained["line"] == ("A1", 100)
