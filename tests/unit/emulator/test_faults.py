"""Faults by chance: which requests and deliveries fail, how, and what is counted."""

import asyncio
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.parsers import create_parser

from emulator.faults import deliveries, requests
from emulator.faults.chance import FAULTS, Faults, Kind
from emulator.faults.requests import CONTROL_PATH, faulty

ROOT, FUNCTION = "AKIAROOT", "ASIAFUNCTION"
DONE = b'{"done": true}'
FORMS = {
    "dynamodb": "json",
    "events": "json",
    "kinesis": "json",
    "lambda": "rest-json",
    "s3": "rest-xml",
    "ses": "rest-json",
    "sns": "query",
    "sqs": "json",
}


@pytest.fixture(autouse=True)
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: float) -> None: ...

    monkeypatch.setattr(requests, "asyncio", SimpleNamespace(Event=asyncio.Event, sleep=at_once))
    monkeypatch.setattr(requests, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(deliveries, "time", SimpleNamespace(sleep=lambda _: None))


@pytest.fixture
def always() -> Any:
    """Makes a kind of fault happen always, until the test ends."""
    yield lambda kind: FAULTS.begin(7, {kind: 1})
    FAULTS.end()


class Client:
    """A client's connection: what was executed, what was answered, whether it was reset."""

    def __init__(self, faults: Faults) -> None:
        self._app = faulty(self._execute, key=ROOT, faults=faults)
        self.transport = SimpleNamespace(abort=lambda: setattr(self, "was_reset", True))
        self.executed: list[bytes] = []
        self.answer: list[Mapping[str, Any]] = []
        self.was_reset = False

    def ask(
        self,
        *,
        key: str = FUNCTION,
        service: str = "dynamodb",
        path: str = "/",
        method: str = "POST",
        body: bytes = b"{}",
    ) -> None:
        credential = f"Credential={key}/20261129/eu-west-1/{service}/aws4_request, Signature=0"
        headers = [(b"authorization", credential.encode())] if key else []
        scope = {"type": "http", "path": path, "method": method, "headers": headers}
        sent = [{"body": body[:1], "more_body": True}, {"body": body[1:]}]

        async def receive() -> Any:
            return sent.pop(0)

        asyncio.run(self._app(scope, receive, self.send))

    async def _execute(self, scope: Any, receive: Any, send: Any) -> None:
        self.executed.append(await requests._body(receive))
        await requests._answer(send, 200, DONE, {})

    async def send(self, message: Mapping[str, Any]) -> None:
        self.answer.append(message)

    @property
    def status(self) -> int:
        return int(self.answer[0]["status"]) if self.answer else 0


def asked(kind: Kind, **how: Any) -> Client:
    faults = Faults()
    faults.begin(7, {kind: 1})
    client = Client(faults)
    client.ask(**how)
    return client


def test_same_seed_brings_the_same_faults_and_another_seed_others():
    def drawn(seed: int) -> list[Kind | None]:
        faults = Faults()
        faults.begin(seed, {Kind.THROTTLE: 0.2, Kind.LOST: 0.2})
        return [faults.choose("dynamodb PutItem", Kind) for _ in range(50)]

    assert drawn(7) == drawn(7) != drawn(8)
    assert {Kind.THROTTLE, Kind.LOST, None} == set(drawn(7))


def test_there_are_no_faults_before_the_beginning_and_after_the_end():
    faults = Faults()
    assert faults.choose("it", Kind) is None
    faults.begin(7, {Kind.DEATH: 1})
    assert faults.choose("it", Kind) is Kind.DEATH
    assert faults.end() == {Kind.DEATH: 1}
    assert faults.choose("it", Kind) is None


@pytest.mark.parametrize(
    ("kind", "is_executed", "status", "is_reset"),
    [
        (Kind.THROTTLE, False, 400, False),
        (Kind.SERVER_ERROR, False, 500, False),
        (Kind.SERVER_ERROR_AFTER, True, 500, False),
        (Kind.RESET, False, 0, True),
        (Kind.RESET_AFTER, True, 0, True),
        (Kind.LOST, True, 0, True),
        (Kind.LATE, True, 0, True),
        (Kind.LATENCY, True, 200, False),
        (Kind.STALL, True, 200, False),
    ],
)
def test_request_fails_before_its_effect_or_after_it(
    kind: Kind, is_executed: bool, status: int, is_reset: bool
):
    client = asked(kind, body=b'{"Item": 1}')
    assert client.executed == ([b'{"Item": 1}'] if is_executed else [])
    assert (client.status, client.was_reset) == (status, is_reset)


@pytest.mark.parametrize("service", FORMS)
def test_boto3_reads_the_errors_as_those_of_the_service(service: str):
    for kind, (code, status) in zip(
        (Kind.THROTTLE, Kind.SERVER_ERROR), requests._ERRORS[service], strict=True
    ):
        start, content = asked(kind, service=service).answer
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        answer = {"status_code": status, "headers": headers, "body": content["body"]}
        assert start["status"] == status
        parsed = create_parser(FORMS[service]).parse(answer, None)  # type: ignore[arg-type]
        assert parsed["Error"]["Code"] == code


def test_request_of_the_root_user_and_one_that_is_not_signed_do_not_fail():
    for key in (ROOT, ""):
        assert asked(Kind.RESET, key=key).status == 200


def test_request_to_an_http_api_may_fail_but_is_always_answered_soon():
    path = "/_aws/execute-api/abc/orders"
    assert asked(Kind.THROTTLE, key="", path=path).status == 429
    assert asked(Kind.LOST, key="", path=path).status == 200


def test_faults_are_switched_on_and_off_by_a_request():
    client = Client(Faults())
    wanted = {"seed": 7, "rates": {Kind.THROTTLE: 1}}
    client.ask(path=CONTROL_PATH, method="PUT", body=json.dumps(wanted).encode())
    client.answer.clear()
    client.ask()
    assert client.status == 400
    client.answer.clear()
    client.ask(path=CONTROL_PATH, method="DELETE")
    assert json.loads(client.answer[1]["body"]) == {"throttle": 1}
    client.answer.clear()
    client.ask()
    assert client.status == 200


def test_delivery_comes_late_or_twice_but_what_is_ordered_is_never_late(
    monkeypatch: pytest.MonkeyPatch, always: Any
):
    came: list[str] = []
    later: list[float] = []

    def call_later(delay: float, work: Any) -> None:
        later.append(delay)
        work()

    monkeypatch.setattr(deliveries, "call_later", call_later)
    always(Kind.DELAY)
    deliveries.deliver("a", lambda: came.append("late"))
    deliveries.deliver("a", lambda: came.append("in order"), ordered=True)
    (delay,) = later
    assert 0 < delay <= deliveries.LATEST
    always(Kind.DUPLICATE)
    deliveries.deliver("a", lambda: came.append("twice"))
    deliveries.deliver("a", lambda: came.append("twice in order"), ordered=True)
    assert later.pop() == 0
    assert came == ["late", "in order", *["twice"] * 2, *["twice in order"] * 2]


def test_batch_is_invoked_twice_and_its_second_result_counts(always: Any):
    results = iter(["first", "second"])
    always(Kind.DUPLICATE)
    assert deliveries.invoke_with_batch("b", lambda: next(results)) == "second"


def test_attempt_fails_before_its_effect_or_after_it(always: Any):
    effects: list[str] = []
    always(Kind.UNDELIVERED)
    for _ in range(20):
        with pytest.raises(deliveries.InjectedError, match="failed delivery"):
            deliveries.attempt("c", lambda: effects.append("it"), kinds=(Kind.UNDELIVERED,))
    assert 0 < len(effects) < 20
    always(Kind.THROTTLE)
    assert deliveries.attempt("c", lambda: "done", kinds=(Kind.UNDELIVERED,)) == "done"
