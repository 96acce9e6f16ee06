"""`python -m ops console`: what it allows, and what it remembers."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from ops import __main__ as main
from ops.commands import console
from ops.console.remembered import SECONDS, RememberedDeployed
from ops.deployed import OperationError


class Endpoint:
    """A deployment whose endpoint is this."""

    environment = "dev"

    def __init__(self, url: str) -> None:
        made = SimpleNamespace(meta=SimpleNamespace(endpoint_url=url))
        self.session = SimpleNamespace(client=lambda *_, **__: made, region_name="eu-west-1")


@pytest.mark.parametrize(
    ("endpoint", "words", "writes", "place"),
    [
        ("https://127.0.0.1:4566", [], True, "dev · this machine"),
        ("https://cloudformation.eu-west-1.amazonaws.com", [], False, "dev · eu-west-1"),
        ("https://cloudformation.eu-west-1.amazonaws.com", ["--write"], True, "dev · eu-west-1"),
        ("https://127.0.0.1.evil.example", [], False, "dev · eu-west-1"),
    ],
    ids=str,
)
def test_console_writes_to_a_local_cloud_and_else_only_with_the_option(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, words: list[str], writes: bool, place: str
):
    served: list[Any] = []
    monkeypatch.setattr(main, "deployed", lambda _: Endpoint(endpoint))
    monkeypatch.setattr(RememberedDeployed, "templates", lambda _: None)
    monkeypatch.setattr("ops.console.serve.serve", lambda it, **_: served.append(it))
    monkeypatch.setattr(sys, "argv", ["ops", "console", *words])

    assert main.main() == 0

    assert [(each.may_write, each.place) for each in served] == [(writes, place)]


def test_missing_package_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ops.console.serve", None)
    with pytest.raises(OperationError, match="run make setup"):
        console.run(SimpleNamespace(), Endpoint(""), SimpleNamespace())  # type: ignore[arg-type]


def test_stacks_are_read_once_a_minute_and_clients_are_made_once(monkeypatch: pytest.MonkeyPatch):
    now, reads = [0.0], list[str]()

    def outputs(_: Any, stack: str) -> dict[str, str]:
        reads.append(stack)
        return {"a": stack}

    def client(_: Any, name: str) -> object:
        reads.append(name)
        return object()

    monkeypatch.setattr("ops.deployed.Deployed.outputs", outputs)
    monkeypatch.setattr("ops.deployed.Deployed.client", client)
    deployed = RememberedDeployed(session=None, environment="dev", clock=lambda: now[0])

    for now[0] in (0, SECONDS - 1, SECONDS, SECONDS + 1):
        assert deployed.outputs("Orders") == {"a": "Orders"}
        assert deployed.client("sqs") is deployed.client("sqs")

    assert reads == ["Orders", "sqs", "Orders"]
    deployed.forget()
    deployed.outputs("Orders")
    deployed.client("sqs")
    assert reads == ["Orders", "sqs", "Orders", "Orders"]
