"""The pages about orders."""

from dataclasses import asdict
from typing import Any

import pytest

from ops.orders.records import OrderRecords
from ops.orders.row_checks import parse_order
from tests.support.asgi import Browser
from tests.unit.ops.console.conftest import FakeDeployed
from tests.unit.ops.order_samples import BLIND, DISPATCHED, ID, NOW, PLACED, REJECTED, TROUBLED


def test_orders_are_listed_with_state_total_and_what_is_wrong(
    browser: Browser, deployed: FakeDeployed
):
    deployed.rows = [dict(each.order) for each in (DISPATCHED, PLACED, TROUBLED)]

    page = browser.get("/orders").text

    assert "The newest 3 of 3." in page
    assert '<span class="state dispatched">dispatched</span>' in page
    assert "22.08" in page
    assert "RefundPayment failed for good and waits for a person" in page
    assert '<span class="tag held">held</span> PaymentDisputed' in page


def test_list_parses_no_more_orders_than_it_shows(
    browser: Browser, deployed: FakeDeployed, monkeypatch: pytest.MonkeyPatch
):
    parsed: list[Any] = []
    monkeypatch.setattr("ops.orders.listing.parse_order", noting(parsed, parse_order))
    deployed.rows = [
        {
            **PLACED.order,
            "order_id": f"{number:032x}",
            "placed_at": f"{2000 + number}-01-01T00:00:00Z",
        }
        for number in range(200)
    ]

    page = browser.get("/orders").text

    assert "The newest 100 of 200." in page
    assert [row["placed_at"][:4] for row in parsed] == [str(2199 - n) for n in range(100)]


def noting(calls: list[Any], function: Any) -> Any:
    def call(row: Any) -> Any:
        calls.append(row)
        return function(row)

    return call


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("state=DISPATCHED", 1),
        ("state=NOTHING", 3),
        ("held=on", 1),
        ("stuck=on", 2),
        ("customer=ada", 3),
        ("customer=grace", 0),
        ("age=1440&customer=ada", 0),
        ("age=nonsense", 3),
    ],
)
def test_search_shows_those_that_meet_all_that_is_asked(
    browser: Browser,
    deployed: FakeDeployed,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    found: int,
):
    class Clock:
        @staticmethod
        def now(_: Any) -> Any:
            return NOW

    monkeypatch.setattr("ops.console.orders.datetime", Clock)
    deployed.rows = [dict(each.order) for each in (DISPATCHED, PLACED, TROUBLED)]

    page = browser.get(f"/orders?{asked}").text

    assert (f"of {found}." in page) if found else ("No order is like that." in page)


def test_search_for_an_orders_id_leads_to_its_journey(browser: Browser):
    answer = browser.get(f"/orders?customer={ID}")

    assert (answer.status, answer.headers["location"]) == (303, f"/orders/{ID}")


def test_row_that_is_no_order_is_named(browser: Browser, deployed: FakeDeployed):
    deployed.rows = [{"order_id": "<b>"}]

    assert "&lt;b&gt; is no order" in browser.get("/orders").text


@pytest.fixture
def journey(browser: Browser, monkeypatch: pytest.MonkeyPatch):
    """Shows the journey of an order with these records."""

    def show(records: OrderRecords) -> str:
        class Collector:
            def __init__(self, *_: Any) -> None:
                pass

            def collect(self) -> OrderRecords:
                return records

        monkeypatch.setattr("ops.console.orders.RecordCollector", Collector)
        monkeypatch.setattr("ops.console.orders.definition_of", lambda *_: DEFINITION)
        answer = browser.get(f"/orders/{ID}")
        assert answer.status == 200, answer.text
        return answer.text

    return show


DEFINITION = {
    "StartAt": "Claim",
    "States": {
        "Claim": {"Type": "Task", "Next": "ReserveStock"},
        "ReserveStock": {"Type": "Task", "Next": "Confirm", "Catch": [{"Next": "Reject"}]},
        "Confirm": {"Type": "Task", "End": True},
        "Reject": {"Type": "Task", "End": True},
    },
}


@pytest.mark.parametrize(
    "records", [DISPATCHED, PLACED, REJECTED, TROUBLED], ids=["sent", "new", "no", "bad"]
)
def test_journey_has_the_timeline_and_every_services_standing(journey, records: OrderRecords):
    page = journey(records)

    assert '<ol class="timeline">' in page
    assert all(f"<dt>{service}</dt>" in page for service in records.records)
    assert page.count("<svg viewBox") == len(records.executions)


def test_journey_names_what_is_wrong_and_links_to_dead_letters(journey):
    page = journey(TROUBLED)

    assert "RefundPayment failed for good and waits for a person" in page
    for dead_letter in map(asdict, TROUBLED.dead_letters):
        assert f'href="/dead-letters/{dead_letter["queue"]}"' in page


def test_what_could_not_be_read_is_not_said_to_be_nothing(journey):
    page = journey(BLIND)

    assert "Its sagas could not be read." in page
    assert "<dt>dead letters</dt><dd>some could not be read</dd>" in page


def test_order_that_no_saga_claimed_says_so(journey):
    assert "No saga has claimed it." in journey(PLACED)


def test_unknown_order_is_named(browser: Browser):
    answer = browser.get("/orders/nothing")

    assert answer.status == 409
    assert "there is no order nothing" in answer.text
