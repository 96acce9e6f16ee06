"""A patient client: what fails for a moment is asked again, and is one order all the same."""

import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3

from demo import api_client

ORDER: dict[str, Any] = {
    "customer": "17850",
    "key": "536365",
    "country": "EIRE",
    "lines": [{"sku": "A1"}],
}


class Server:
    """Answers requests with what it is given, in turn; the last one for good."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[SimpleNamespace] = []
        self.lock = threading.Lock()

    def request(self, method: str, url: str, *, body: str | None, headers: Any, retries: bool):
        assert retries is False
        with self.lock:
            request = SimpleNamespace(method=method, url=url, body=body, headers=headers)
            self.requests.append(request)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        status, content = answer
        return SimpleNamespace(
            status=status,
            data=content if isinstance(content, bytes) else json.dumps(content).encode(),
        )


class Cognito:
    """Gives out numbered tokens."""

    def __init__(self) -> None:
        self.signed_in: list[str] = []

    def initiate_auth(self, **request: Any) -> dict[str, Any]:
        self.signed_in.append(request["AuthParameters"]["USERNAME"])
        return {"AuthenticationResult": {"AccessToken": f"token-{len(self.signed_in)}"}}


def api(server: Server, cognito: Cognito | None = None) -> tuple[api_client.ApiClient, list[float]]:
    pauses: list[float] = []
    customers = api_client.Customers(cognito or Cognito(), pool="pool", client="client")
    return (
        api_client.ApiClient(
            "https://api/", customers, http=server, sleep=pauses.append, jitter=lambda: 1.0
        ),
        pauses,
    )


def test_accepted_order_is_placed_once():
    server = Server((202, {"order_id": "o", "state": "PLACED"}))
    client, pauses = api(server)
    assert client.place(**ORDER) == api_client.ApiResponse(
        202, {"order_id": "o", "state": "PLACED"}
    )
    (request,) = server.requests
    assert request.url == "https://api/orders"
    assert json.loads(request.body) == {
        "currency": "GBP",
        "country": "EIRE",
        "lines": [{"sku": "A1"}],
    }
    assert request.headers["Idempotency-Key"] == "536365"
    assert request.headers["Authorization"] == "Bearer token-1"
    assert pauses == []


def test_contact_is_put_under_the_customers_token():
    server = Server((200, {}))
    client, _ = api(server)
    assert client.put_contact(customer="7", email="a@b.example", name="A").status == 200
    (request,) = server.requests
    assert request.url == "https://api/contact"
    assert json.loads(request.body) == {"email": "a@b.example", "name": "A"}
    assert request.headers["Authorization"] == "Bearer token-1"


def test_transient_failure_is_retried_with_the_same_key_and_backoff():
    broken = urllib3.exceptions.ProtocolError("reset")
    server = Server((429, {}), (503, b"<html>"), broken, (202, {"order_id": "o"}))
    client, pauses = api(server)
    assert client.place(**ORDER).status == 202
    assert {request.headers["Idempotency-Key"] for request in server.requests} == {"536365"}
    assert pauses == [0.2, 0.4, 0.8]


def test_client_gives_up_after_its_attempts_and_returns_the_last_response():
    server = Server((500, {"message": "Internal Server Error"}))
    client, pauses = api(server)
    assert client.place(**ORDER) == api_client.ApiResponse(
        500, {"message": "Internal Server Error"}
    )
    assert len(server.requests) == api_client.ATTEMPTS
    assert max(pauses) == api_client.LONGEST_PAUSE


@pytest.mark.parametrize("status", [400, 404, 409])
def test_refused_request_is_not_retried(status: int):
    server = Server((status, {"message": "no"}))
    client, _ = api(server)
    assert client.place(**ORDER).status == status
    assert len(server.requests) == 1


def test_expired_token_is_replaced_once():
    server = Server((401, {}), (202, {"order_id": "o"}))
    client, pauses = api(server)
    assert client.place(**ORDER).status == 202
    assert [one.headers["Authorization"] for one in server.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert pauses == []
    refusing = Server((401, {}))
    client, _ = api(refusing)
    assert client.place(**ORDER).status == 401
    assert len(refusing.requests) == 2


def test_tokens_are_kept_but_not_without_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api_client, "MAX_TOKENS", 2)
    cognito = Cognito()
    customers = api_client.Customers(cognito, pool="pool", client="client")
    for customer in ("a", "b", "a", "c", "a", "b"):
        customers.token(customer)
    assert cognito.signed_in == ["a", "b", "c", "b"]
