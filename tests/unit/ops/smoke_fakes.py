"""A shop in memory, and the platform that the smoke test finds there."""

import base64
import json
import urllib.request
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from boto3 import Session

from ops.smoke.api import Answer
from tests.unit.ops.account_fakes import FakeDeployed, answering, fake_client

CLAIMS = base64.urlsafe_b64encode(json.dumps({"sub": "c1"}).encode()).decode().rstrip("=")
TOKEN = f"h.{CLAIMS}.s"
STATES = {"rejected": "REJECTED", "cancelled1": "CANCELLED", "dispatched": "DISPATCHED"}


class Shop:
    """The HTTP API in memory: each order has one state, and prices are on offer late."""

    def __init__(self, states: Mapping[str, str] = STATES, *, refusals: int = 0) -> None:
        self.calls: list[str] = []
        self._states = states
        self._refusals = refusals
        self._orders: dict[str, str] = {}

    def send(self, request: urllib.request.Request) -> Answer:
        method, path = request.get_method(), request.full_url.removeprefix("https://api")
        self.calls.append(f"{method} {path}")
        if path == "/token":
            return Answer(200, {"access_token": TOKEN})
        if path.startswith("/products/"):
            data: Any = request.data
            offers = json.loads(data)["offers"]
            begins = {"valid_from": "2026-01-01T08:00:00+00:00"}
            return Answer(200, {"offers": [{**offer, **begins} for offer in offers]})
        if method == "POST":
            return self._place(request)
        if path == "/orders":
            shown = [{"order_id": id, "state": state} for id, state in self._orders.items()]
            return Answer(200, {"orders": shown})
        state = self._orders[path.split("/")[2]]
        if method == "DELETE" and state == "DISPATCHED":
            return Answer(409, {"title": "The order has left"})
        return Answer(200, {"state": state})

    def _place(self, request: urllib.request.Request) -> Answer:
        if self._refusals:
            self._refusals -= 1
            return Answer(409, {})
        purpose = str(request.get_header("Idempotency-key")).rpartition("-")[2]
        self._orders[f"order-{purpose}"] = self._states[purpose]
        return Answer(202, {"order_id": f"order-{purpose}"})


class UserNotFound(Exception):
    """There is no such user."""


class Deployed(FakeDeployed):
    """A deployed platform with a user pool, whose deleted users are known."""

    def __init__(self, *, operators_client: bool = True) -> None:
        self.deleted: list[str] = []
        self.operators_client = operators_client
        cognito = fake_client(
            describe_user_pool_client=answering(
                UserPoolClient={"ClientId": "client", "ClientSecret": "secret"}
            ),
            admin_create_user=answering(),
            admin_set_user_password=answering(),
            initiate_auth=answering(AuthenticationResult={"AccessToken": TOKEN}),
            exceptions=SimpleNamespace(UserNotFoundException=UserNotFound),
            admin_delete_user=lambda Username, **_: self.deleted.append(Username),  # noqa: N803
        )
        lambda_ = fake_client(invoke=answering())
        super().__init__(
            clients={"cognito-idp": cognito, "lambda": lambda_},
            session=Session("AKIDEXAMPLE", "secret", region_name="eu-west-1"),
        )

    def outputs(self, stack: str) -> Mapping[str, str]:
        names = ("UserPoolId", "UserPoolClientId", "ReceiveStockFunction")
        operators = {"OperatorsClientId": "x", "OperatorsTokenUrl": "https://api/token"}
        return {
            **dict.fromkeys(names, "x"),
            "ApiUrl": "https://api",
            **(operators if self.operators_client else {}),
        }
