"""The page to practise on: only on a laptop, and only by its own forms."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lambdas.orders.api import MAX_QUANTITY
from lambdas.runtime.dynamodb import to_item
from ops.console.app import create_app
from ops.console.page import Console
from ops.play import Player
from ops.smoke.api import Answer
from tests.support.asgi import Browser
from tests.unit.ops.account_fakes import answering
from tests.unit.ops.console.conftest import FakeDeployed, Fill
from tests.unit.ops.dead_letter_samples import message, sink
from tests.unit.ops.test_faults import Policies, Provider

OFFER = {"unit_price": 255, "currency": "GBP"}


class Tables:
    """The tables of stock and of offers."""

    rows: dict[str, list[dict[str, Any]]] = {  # noqa: RUF012 -- nobody changes it
        "stock": [{"sku": "few", "available": 2}, {"sku": "most", "available": 90}],
        "offers": [
            {"sku": "few", "offers": [OFFER]},
            {"sku": "most", "offers": [OFFER]},
            {"sku": "over", "offers": []},
        ],
    }

    def scan(self, *, TableName: str, Limit: int) -> Any:  # noqa: N803
        return {"Items": [to_item(row) for row in self.rows[TableName][:Limit]]}


class Pool:
    """A user pool whose users all have one token."""

    def __init__(self) -> None:
        self.users: list[str] = []

    def admin_create_user(self, *, Username: str, **_: str) -> None:  # noqa: N803
        self.users.append(Username)

    admin_set_user_password = staticmethod(answering())
    initiate_auth = staticmethod(answering(AuthenticationResult={"AccessToken": "t"}))


class Api:
    """Accepts every order, or answers as a test says."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.answer: Answer | None = None

    def __call__(self, request: Any) -> Answer:
        self.bodies.append(json.loads(request.data))
        return self.answer or Answer(202, {"order_id": f"order{len(self.bodies)}"})


@pytest.fixture
def pool(deployed: FakeDeployed) -> Pool:
    pool = Pool()
    deployed.outputs = lambda stack: {  # type: ignore[method-assign]
        "StockTable": "stock",
        "OffersTable": "offers",
        "ApiUrl": "https://api",
        "UserPoolClientId": "c",
        "UserPoolId": "p",
    }
    deployed.clients |= {"dynamodb": Tables(), "cognito-idp": pool, "iam": Policies()}
    deployed.clients["lambda"] = Provider()
    queue = Policies()
    measured = deployed.sqs.get_queue_attributes

    def attributes(**asked: Any) -> Any:
        of_policy = asked["AttributeNames"] == ["Policy"]
        return queue.get_queue_attributes() if of_policy else measured(**asked)

    deployed.sqs.get_queue_attributes = attributes  # type: ignore[method-assign]
    return pool


@pytest.fixture
def api(browser: Browser, deployed: Any, pool: Pool) -> Api:
    api = Api()
    browser.app.state.player = Player(deployed=deployed, send=api)
    return api


@pytest.mark.parametrize(
    ("kind", "quantity", "country"),
    [
        ("well", 1, "United Kingdom"),
        ("shelf", 91, "United Kingdom"),
        ("card", 100_000 // 255 + 1, "United Kingdom"),
        ("country", 1, "Unspecified"),
    ],
)
def test_orders_of_what_is_most_in_stock_are_placed_by_one_customer_and_are_no_duplicates(
    browser: Browser,
    console: Console,
    api: Api,
    pool: Pool,
    kind: str,
    quantity: int,
    country: str,
):
    form = [("csrf", console.secrets.csrf), ("kind", kind), ("count", "2")]

    page = browser.post("/play/orders", form).text

    assert '<a href="/orders/order1">' in page
    assert '<a href="/orders/order2">' in page
    lines = [{"sku": "most", "quantity": quantity + n, "unit_price": 255} for n in (0, 1)]
    assert api.bodies == [
        {"currency": "GBP", "country": country, "lines": [line]} for line in lines
    ]
    assert len(pool.users) == 1
    assert pool.users[0].startswith("play-")


def test_no_order_asks_for_more_than_an_order_may_have(
    browser: Browser, console: Console, api: Api, monkeypatch: pytest.MonkeyPatch
):
    full = [{"sku": "most", "available": 2 * MAX_QUANTITY}]
    monkeypatch.setitem(Tables.rows, "stock", full)

    browser.post("/play/orders", [("csrf", console.secrets.csrf), ("kind", "shelf")])

    assert api.bodies[0]["lines"][0]["quantity"] == MAX_QUANTITY


@pytest.mark.parametrize(
    ("kind", "count"),
    [("no", "1"), ("well", "0"), ("well", "26"), ("well", "x"), ("well", "9" * 5_000)],
    ids=["kind", "none", "too many", "no number", "a long number"],
)
def test_form_that_asks_for_something_else_is_refused(
    browser: Browser, console: Console, api: Api, kind: str, count: str
):
    form = [("csrf", console.secrets.csrf), ("kind", kind), ("count", count)]

    assert browser.post("/play/orders", form).status == 409
    assert api.bodies == []


def test_refusal_of_the_api_is_shown(browser: Browser, console: Console, api: Api):
    api.answer = Answer(409, {"detail": "the price <b> has changed"})
    form = [("csrf", console.secrets.csrf), ("kind", "well"), ("count", "1")]

    assert "409: the price &lt;b&gt; has changed" in browser.post("/play/orders", form).text


def test_fault_is_made_and_put_back(browser: Browser, console: Console, api: Api):
    form = [("csrf", console.secrets.csrf), ("fault", "0")]

    assert browser.post("/play/deny", form).status == 303
    assert "Put back: saga start denied" in browser.get("/play").text
    assert browser.post("/play/permit", form).status == 303
    assert "Put back" not in browser.get("/play").text


def test_card_provider_is_made_slow_and_put_back(browser: Browser, console: Console, api: Api):
    form = [("csrf", console.secrets.csrf)]

    assert browser.post("/play/slow", form).status == 303
    assert "Put back: slow card provider" in browser.get("/play").text
    assert browser.post("/play/prompt", form).status == 303
    assert "Break: slow card provider" in browser.get("/play").text


@pytest.mark.parametrize("fault", ["9", "9" * 5_000], ids=["unknown", "a long number"])
def test_unknown_fault_is_refused(browser: Browser, console: Console, api: Api, fault: str):
    form = [("csrf", console.secrets.csrf), ("fault", fault)]

    assert browser.post("/play/deny", form).status == 409


def test_bad_message_is_sent_once_each_time(
    browser: Browser, console: Console, deployed: FakeDeployed, api: Api
):
    sent: list[Any] = []
    deployed.sqs.send_message = lambda **asked: sent.append(asked)

    for _ in range(2):
        assert browser.post("/play/message", [("csrf", console.secrets.csrf)]).status == 303

    assert len({each["MessageDeduplicationId"] for each in sent}) == 2


@pytest.mark.parametrize(
    "path", ["/play", "/play/orders", "/play/deny", "/play/slow", "/play/message"]
)
def test_account_is_not_played_with(console: Console, pool: Pool, path: str):
    remote = replace(console, is_local=False)
    browser = Browser(create_app(remote, port=8800))
    browser.get(f"/enter?key={remote.secrets.key}")
    form = [("csrf", remote.secrets.csrf), ("fault", "0"), ("kind", "well"), ("count", "1")]

    answer = browser.get(path) if path == "/play" else browser.post(path, form)

    assert answer.status == 404
    assert 'href="/play"' not in browser.get("/dead-letters").text
    assert pool.users == []


@pytest.mark.parametrize("name", ["orders/Repair", "notifications/NotifyCustomerFailureRecords"])
def test_every_failure_sink_that_holds_something_is_listed(
    browser: Browser, fill: Fill, pool: Pool, name: str
):
    fill(sink(name), message("{}"))

    assert f'href="/dead-letters/{name}"' in browser.get("/play").text
