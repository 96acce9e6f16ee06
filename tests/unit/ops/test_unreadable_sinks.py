"""A failure sink that cannot be read is named, and does not hide the others."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from ops import __main__ as main
from ops.console.app import create_app
from ops.deployed import Deployed
from ops.dlq.peek import lease_dead_letters, peek_all
from ops.dlq.readers import NotDeployedError, reader_for
from ops.orders.dead_letters import find_dead_letters
from tests.support.asgi import Browser
from tests.unit.ops.account_fakes import client_error
from tests.unit.ops.console.conftest import FakeDeployed, FakeSqs, new_console
from tests.unit.ops.dead_letter_samples import message, sink, sinks

FULL, CLOSED = sink("orders/Repair"), sink("shipping/DispatchShipmentDeadLetters")
GONE = "AWS.SimpleQueueService.NonExistentQueue"


class RefusingSqs(FakeSqs):
    """Refuses one queue: what is asked of it."""

    def __init__(self, code: str, *refused: str) -> None:
        super().__init__()
        self._code, self._refused = code, refused

    def get_queue_attributes(self, **asked: Any) -> Any:
        self._refuse("get_queue_attributes", asked)
        return super().get_queue_attributes(**asked)

    def receive_message(self, **asked: Any) -> Any:
        self._refuse("receive_message", asked)
        return super().receive_message(**asked)

    def _refuse(self, operation: str, asked: Any) -> None:
        if operation in self._refused and asked["QueueUrl"] == CLOSED.resource.physical:
            raise client_error(self._code, "not this one")


@pytest.fixture(
    params=[
        ("AccessDenied", "get_queue_attributes"),
        ("AccessDenied", "receive_message"),
        (GONE, "get_queue_attributes"),
    ],
    ids=["depth denied", "messages denied", "queue deleted"],
)
def deployed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FakeDeployed:
    made = FakeDeployed(sqs=RefusingSqs(*request.param))
    body = {"order_id": "o-1"}
    made.sqs.messages = {
        FULL.resource.physical: [message(body, id="there")],
        CLOSED.resource.physical: [message(body, id="hidden")],
    }
    monkeypatch.setattr(main, "deployed", lambda _: made)
    monkeypatch.setattr("ops.dlq.runner.time.sleep", lambda _: None)
    return made


@pytest.fixture
def ops(
    deployed: FakeDeployed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["ops", *words])
        return main.main(), capsys.readouterr().out

    return run


@pytest.mark.parametrize("options", [(), ("--non-empty",)])
def test_list_shows_the_others_and_fails(ops: Callable[..., tuple[int, str]], options: Any):
    code, out = ops("dlq", "list", *options)

    assert code == 2
    assert f"{CLOSED.name} cannot be read: " in out.splitlines()[0]
    assert f"\n{FULL.name} " in out
    assert "\n1 dead letter in 1 of " in out


def test_list_of_readable_queues_begins_with_them(run: Callable[..., tuple[int, str, str]]):
    assert run("dlq", "list", "--non-empty")[1].startswith("0 dead letters in 0 of ")


def test_list_for_scripts_names_it(ops: Callable[..., tuple[int, str]]):
    code, out = ops("dlq", "list", "--non-empty", "--json")

    full, closed = json.loads(out)
    assert (code, full["queue"], closed["queue"]) == (2, FULL.name, CLOSED.name)
    assert "not this one" in closed["unreadable"]


def test_redrive_of_all_names_it_and_plans_the_others(ops: Callable[..., tuple[int, str]]):
    code, out = ops("dlq", "redrive", "--all", "--json")

    tally = json.loads(out)
    assert (code, list(tally["unreadable"])) == (1, [CLOSED.name])
    assert [each["queue"] for each in tally["records"]] == [FULL.name]


def test_dead_letters_of_an_order_are_found_in_the_others(deployed: FakeDeployed):
    found, (why,) = find_dead_letters(cast(Deployed, deployed), "o-1")

    assert [each.queue for each in found] == [FULL.name]
    assert why.startswith(f"{CLOSED.name}: ")


@pytest.mark.parametrize("name", ["orders/Repair", "storefront/ProjectionDeadLetters"])
def test_sink_that_is_not_made_yet_does_not_hide_the_others(name: str):
    whole = FakeDeployed()
    missing = next(each for each in sinks() if each.name == name)
    unmade = replace(missing, resource=replace(missing.resource, physical=""))
    found, unreadable = peek_all([unmade, CLOSED], whole.client)

    assert unreadable == {
        name: f"{name} is not made yet: finish the deployment of {missing.resource.stack}"
    }
    assert [each.sink.name for each in found] == [CLOSED.name]
    with pytest.raises(NotDeployedError):
        lease_dead_letters(unmade, reader_for(unmade, whole.client))


def test_console_never_calls_it_empty(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ops.console.peers.CONNECTIONS", ())
    deployed = FakeDeployed(sqs=RefusingSqs("AccessDenied", "get_queue_attributes"))
    console = new_console(deployed)
    browser = Browser(create_app(console, port=8800))
    browser.get(f"/enter?key={console.secrets.key}")

    letters, all_services, service = (
        browser.get(path).text for path in ("/dead-letters", "/map", "/map/shipping")
    )

    assert f"{CLOSED.name} cannot be read: " in letters
    assert f"None in the {len(sinks()) - 1} of {len(sinks())} queues" in letters
    assert "1 of the queues and buckets cannot be read" in all_services
    assert f'data-live="{CLOSED.name}">?</b>' in service
