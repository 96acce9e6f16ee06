"""A console over fakes, as the person who started it sees it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.runtime.dynamodb import to_item
from ops.console.app import create_app
from ops.console.live_counts import LiveCounts
from ops.console.page import Console
from ops.console.rebuilds import Rebuilds
from ops.dlq.decode import RawMessage
from tests.support.asgi import Browser
from tests.support.doubles import ClientDouble
from tests.unit.ops.account_fakes import client_error
from tests.unit.ops.dead_letter_samples import templates

TABLE = "orders-table"


class FakeSqs(ClientDouble):
    """The platform's queues, most of them empty."""

    def __init__(self) -> None:
        self.messages: dict[str, list[RawMessage]] = {}
        self.leased: set[str] = set()
        self.deleted: list[str] = []

    def get_queue_attributes(self, **asked: Any) -> Any:
        visible = str(len(self._in(asked["QueueUrl"])))
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": visible,
                "ApproximateNumberOfMessagesNotVisible": "0",
            },
            "ResponseMetadata": {"HTTPHeaders": {"date": "Tue, 01 Dec 2026 10:00:00 GMT"}},
        }

    def receive_message(self, **asked: Any) -> Any:
        free = [each for each in self._in(asked["QueueUrl"]) if each.id not in self.leased]
        self.leased |= {each.id for each in free}
        return {
            "Messages": [
                {
                    "MessageId": each.id,
                    "Body": each.body,
                    "ReceiptHandle": each.receipt_handle,
                    "Attributes": {"SentTimestamp": str(int(each.sent_at.timestamp() * 1000))},
                    "MessageAttributes": {
                        name: {"StringValue": value} for name, value in each.attributes.items()
                    },
                }
                for each in free
            ]
        }

    def change_message_visibility_batch(self, **_: Any) -> None:
        self.leased.clear()

    def delete_message(self, **asked: Any) -> None:
        self.deleted.append(asked["ReceiptHandle"])

    def _in(self, url: str) -> list[RawMessage]:
        return [
            each for each in self.messages.get(url, []) if each.receipt_handle not in self.deleted
        ]


class FakeLambda(ClientDouble):
    """Takes every invocation."""

    def __init__(self) -> None:
        self.invoked: list[str] = []

    def invoke(self, **asked: Any) -> Any:
        self.invoked.append(asked["FunctionName"])
        return {"StatusCode": 202}


@dataclass
class FakeDeployed:
    """An environment whose table of orders and queues are these."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    sqs: FakeSqs = field(default_factory=FakeSqs)
    lambda_: FakeLambda = field(default_factory=FakeLambda)
    running: int = 0
    """How many executions of each saga run."""
    running_refused: str = ""
    """The error with which Step Functions refuses to say so."""
    clients: dict[str, Any] = field(default_factory=dict)
    """Further clients, by service."""
    forgotten: int = 0
    """How often what is remembered was forgotten."""
    environment: str = "dev"
    session: Any = field(default_factory=lambda: SimpleNamespace(region_name="eu-west-1"))

    def templates(self) -> Any:
        return templates()

    def forget(self) -> None:
        self.forgotten += 1

    def outputs(self, stack: str) -> Any:
        return {"OrdersTable": TABLE}

    def client(self, service: str) -> Any:
        dated = {"ResponseMetadata": {"HTTPHeaders": {"date": "Tue, 01 Dec 2026 10:00:00 GMT"}}}
        page = {"Items": [to_item(row) for row in self.rows], **dated}
        paginator = SimpleNamespace(paginate=lambda **_: [page])
        running = SimpleNamespace(list_executions=self._list_executions)
        clients: dict[str, Any] = {
            "sqs": self.sqs,
            "lambda": self.lambda_,
            "stepfunctions": running,
            **self.clients,
        }
        return clients.get(service, SimpleNamespace(get_paginator=lambda _: paginator))

    def _list_executions(self, **_: Any) -> Any:
        if self.running_refused:
            raise client_error(self.running_refused)
        return {"executions": [{}] * self.running}


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> FakeDeployed:
    monkeypatch.setattr("ops.dlq.runner.time.sleep", lambda _: None)
    return FakeDeployed()


def new_console(deployed: Any) -> Console:
    """A console of an own run."""
    counts = LiveCounts(deployed, seconds=2)
    return Console(
        deployed=deployed,
        may_write=True,
        is_local=True,
        counts=counts,
        rebuilds=Rebuilds("dev", ended=deployed.forget, connect=lambda _: deployed),
    )


@pytest.fixture
def console(deployed: FakeDeployed) -> Console:
    return new_console(deployed)


@pytest.fixture
def stranger(console: Console, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """A browser that does not know the key."""
    # It has no connection, and to list those of the machine takes milliseconds.
    monkeypatch.setattr("ops.console.peers.CONNECTIONS", ())
    return Browser(create_app(console, port=8800))


@pytest.fixture
def browser(stranger: Browser, console: Console) -> Browser:
    """The browser of the person who started the console."""
    assert stranger.get(f"/enter?key={console.secrets.key}").status == 303
    return stranger


Fill = Callable[..., None]


@pytest.fixture
def fill(deployed: FakeDeployed) -> Fill:
    """Puts messages into a sink."""

    def fill(sink: Any, *messages: RawMessage) -> None:
        deployed.sqs.messages[sink.resource.physical] = list(messages)

    return fill
