"""The page of costs: what the local cloud counted, at the prices of `docs/costs.md`."""

from dataclasses import astuple, replace
from types import SimpleNamespace
from typing import Any

import pytest

from ops.console.app import create_app
from ops.console.costs import costs_of
from ops.console.page import Console
from ops.console.uses import API, KEY_HEADER, Use
from ops.prices import API_REQUEST, EMAIL, STATE_TRANSITION, WRITE_UNIT
from ops.smoke.api import Answer
from tests.support.asgi import Browser
from tests.unit.ops.console.conftest import FakeDeployed

USES = [
    Use("ses:SendEmail", "role", "arn:identity", "", 3),
    Use("states:transitions", "", "", "", 5),
    Use("dynamodb:PutItem", "a", "arn:a", "", 3),
    Use("dynamodb:PutItem", "b", "arn:b", "", 1),
    Use("dynamodb:UpdateItem", "a", "arn:a", "", 2),
    Use("dynamodb:GetItem", "a", "arn:a", "", 99),
    Use("dynamodb:TransactWriteItems:TransactItems", "", "", "", 5),
    Use("sqs:SendMessage", "a", "arn:queue", "", 1),
    Use("sqs:SendMessage", "a", "arn:queue.fifo", "", 2),
    Use("lambda:InvokeFunction", API, "arn:f", "arn:api", 7),
    Use("lambda:InvokeFunction", "a", "arn:f", "", 99),
    Use("s3:PutObject", "arn:aws:iam::1:role/cdk-file-publishing", "arn:assets", "", 99),
]


@pytest.fixture
def asked(deployed: FakeDeployed, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The requests to a local cloud that counted ``USES``."""
    requests: list[Any] = []

    def opened(request: Any) -> Answer:
        requests.append(request)
        return Answer(200, {"uses": [list(astuple(use)) for use in USES]})

    meta = SimpleNamespace(endpoint_url="https://127.0.0.1:4566")
    deployed.clients["cloudformation"] = SimpleNamespace(meta=meta)
    key = SimpleNamespace(access_key="AKIAKEY")
    deployed.session = SimpleNamespace(region_name="eu-west-1", get_credentials=lambda: key)
    monkeypatch.setattr("ops.console.uses.open_request", opened)
    return requests


def test_counts_are_priced_as_they_are_billed():
    costs = {cost.price.unit: cost for cost in costs_of(USES)}

    assert costs[EMAIL.unit].usd == pytest.approx(0.0003)
    assert costs[STATE_TRANSITION.unit].usd == pytest.approx(0.000125)
    # Those of a transaction were counted once by their permissions, and are billed twice.
    assert costs[WRITE_UNIT.unit].count == 4 + 2 + 5
    assert [c.count for c in costs.values() if "queue" in c.price.unit] == [3, 6]
    assert costs[API_REQUEST.unit].count == 7
    assert len(costs) == 6


def test_page_has_the_sum_and_asks_with_the_runs_key(browser: Browser, asked: list[Any]):
    page = browser.get("/costs").text

    together = sum(cost.usd for cost in costs_of(USES))
    assert f"<b>{together:.6f}</b> USD" in page
    (request,) = asked
    assert request.full_url == "https://127.0.0.1:4566/_ministack/usage"
    assert request.headers[KEY_HEADER.capitalize()] == "AKIAKEY"


def test_local_cloud_that_does_not_count_is_named(
    browser: Browser, asked: list[Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ops.console.uses.open_request", lambda _: Answer(404, {}))

    answer = browser.get("/costs")

    assert answer.status == 409
    assert "answered 404" in answer.text


def test_account_is_not_asked_and_its_page_says_where_its_costs_are(
    console: Console, asked: list[Any]
):
    remote = replace(console, is_local=False)
    browser = Browser(create_app(remote, port=8800))
    browser.get(f"/enter?key={remote.secrets.key}")

    page = browser.get("/costs").text

    assert "Cost Explorer" in page
    assert "<table" not in page
    assert asked == []
