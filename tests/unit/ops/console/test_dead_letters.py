"""The pages about dead letters: nothing is done before it was shown and confirmed."""

import html
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest

from ops.console.app import create_app
from ops.console.page import Console
from ops.dlq.failure_sinks import Mechanism
from tests.support.asgi import Browser
from tests.unit.ops.account_fakes import client_error
from tests.unit.ops.console.conftest import FakeDeployed, Fill
from tests.unit.ops.dead_letter_samples import (
    compensation,
    dead_lettered_by,
    message,
    of_event,
    sink,
    sinks,
    twins,
)

PLACE = sink("orders/MarkDispatchedDeadLetters")
SAGA = next(each for each in sinks() if each.routes_by(Mechanism.SAGA))


@pytest.fixture
def token(console: Console) -> tuple[str, str]:
    return ("csrf", console.secrets.csrf)


def letter(id: str = "m1"):
    (route,) = PLACE.routes_by(Mechanism.DESTINATION)
    return of_event(dead_lettered_by(route, PLACE, id=id), f"event-{id}")


@pytest.mark.parametrize("hidden", ["%E2%80%AE", "%1B[2J"])
def test_error_shows_no_hidden_character(browser: Browser, hidden: str):
    answer = browser.get(f"/dead-letters/none/such{unquote(hidden)}")

    assert answer.status == 409
    assert "there is no dead-letter queue none/such\\" in html.unescape(answer.text)
    assert unquote(hidden)[0] not in answer.text


def test_every_sink_of_the_templates_is_listed_and_full_ones_come_first(
    browser: Browser, fill: Fill
):
    fill(PLACE, letter())

    page = browser.get("/dead-letters").text

    assert all(f">{each.name}</a>" in page for each in sinks())
    assert page.index(PLACE.name) < page.index(sinks()[0].name)
    assert '<strong class="bad">1</strong> in 1 of' in page


def test_dead_letter_is_shown_with_why_where_its_code_and_what_a_redrive_would_do(
    browser: Browser, fill: Fill
):
    fill(PLACE, letter())

    page = html.unescape(browser.get(f"/dead-letters/{PLACE.name}").text)

    assert "RetriesExhausted: NoShipmentError: there is no shipment" in page
    assert "orders/MarkDispatched" in page
    assert "<code>lambdas/orders/mark_dispatched.py</code>" in page.replace("<wbr>", "")
    assert "would invoke orders/MarkDispatched" in page
    assert "tried 3 times" in page


def test_code_of_a_queue_is_that_of_its_consumer(browser: Browser, fill: Fill):
    queue = sink("storefront/AvailabilitySubscriberDeadLetters")
    fill(queue, message({"a": 1}, {"reason": "not an event"}))

    page = browser.get(f"/dead-letters/{queue.name}").text.replace("<wbr>", "")

    assert "<code>lambdas/storefront/update_availability.py</code>" in page


def test_history_of_redrives_is_shown(browser: Browser, fill: Fill):
    queue = sink("storefront/AvailabilitySubscriberDeadLetters")
    said = {"reason": "now", "redriven": "2", "earlier": "first\nthen"}
    fill(queue, message({"a": 1}, said))

    page = browser.get(f"/dead-letters/{queue.name}").text

    assert "redriven twice<br>first<br>then" in page


def test_message_cannot_put_markup_or_hidden_characters_into_the_page(browser: Browser, fill: Fill):
    evil = "<script>alert(1)</script>\u202e\x1b[2J"
    fill(PLACE, message({"reason": evil, "event": {"detail": evil}}, {"reason": evil}, id=evil))

    page = browser.get(f"/dead-letters/{PLACE.name}").text

    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page


def test_dry_run_says_what_would_be_done_and_does_nothing(
    browser: Browser, fill: Fill, deployed: FakeDeployed, token: tuple[str, str]
):
    fill(PLACE, letter("m1"), letter("m2"))

    for verb, said in (("redrive", "invoke orders/MarkDispatched"), ("purge", "delete ")):
        form = [token, ("verb", verb), ("id", "m2")]
        page = browser.post(f"/dead-letters/{PLACE.name}/plan", form).text

        assert "Dry run: 1 of 1" in page
        assert said in page
        assert 'value="m2"' in page
        assert 'value="m1"' not in page
    assert (deployed.sqs.deleted, deployed.lambda_.invoked) == ([], [])


def test_confirmed_redrive_hands_over_what_was_chosen_and_deletes_it(
    browser: Browser, fill: Fill, deployed: FakeDeployed, token: tuple[str, str]
):
    fill(PLACE, letter("m1"), letter("m2"))

    form = [token, ("verb", "redrive"), ("id", "m2")]
    page = browser.post(f"/dead-letters/{PLACE.name}/run", form).text

    assert "1 moved" in page
    assert deployed.sqs.deleted == ["handle-m2"]
    assert len(deployed.lambda_.invoked) == 1


def test_confirmed_purge_deletes_what_was_chosen_and_nothing_else(
    browser: Browser, fill: Fill, deployed: FakeDeployed, token: tuple[str, str]
):
    fill(PLACE, letter("m1"), letter("m2"))

    form = [token, ("verb", "purge"), ("id", "m1")]
    page = browser.post(f"/dead-letters/{PLACE.name}/run", form).text

    assert "1 deleted" in page
    assert (deployed.sqs.deleted, deployed.lambda_.invoked) == (["handle-m1"], [])


@pytest.mark.parametrize(("verb", "done"), [("purge", "2 deleted"), ("redrive", "2 moved")])
def test_what_was_planned_is_done_with_a_dead_letter_and_its_twin(
    browser: Browser,
    fill: Fill,
    deployed: FakeDeployed,
    token: tuple[str, str],
    verb: str,
    done: str,
):
    found = twins()
    for each in found:
        fill(each.sink, *(letter.message for letter in each.dead_letters))
    at = f"/dead-letters/{found[0].sink.name}"

    planned = browser.post(f"{at}/plan", [token, ("verb", verb), ("id", found[0].sink.name)]).text
    ids = re.findall('name="id" value="([^"]*)"', planned)
    page = browser.post(f"{at}/run", [token, ("verb", verb), *(("id", id) for id in ids)]).text

    assert done in page
    assert sorted(deployed.sqs.deleted) == sorted(f"handle-{each.sink.name}" for each in found)


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("purge", "before that, m1 was deleted"),
        ("redrive", "before that, m1 was moved; m2 was being moved: it may be done twice"),
    ],
)
def test_error_in_the_middle_says_what_was_done_before(
    browser: Browser,
    fill: Fill,
    deployed: FakeDeployed,
    token: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    said: str,
):
    fill(PLACE, letter("m1"), letter("m2"))
    delete = deployed.sqs.delete_message

    def expire(**asked: Any) -> None:
        if asked["ReceiptHandle"] == "handle-m2":
            raise client_error("ExpiredToken")
        delete(**asked)

    monkeypatch.setattr(deployed.sqs, "delete_message", expire)

    form = [token, ("verb", verb), ("id", "m1"), ("id", "m2")]
    answer = browser.post(f"/dead-letters/{PLACE.name}/run", form)

    assert answer.status == 502
    assert said in answer.text


def test_compensations_are_repaired(browser: Browser, fill: Fill, token: tuple[str, str]):
    (machine, *_) = [route.source for route in SAGA.routes_by(Mechanism.SAGA)]
    fill(SAGA, compensation(machine))

    shown = browser.get(f"/dead-letters/{SAGA.name}").text
    form = [token, ("verb", "repair"), ("id", "m1")]
    planned = browser.post(f"/dead-letters/{SAGA.name}/plan", form).text

    assert 'value="repair"' in shown
    assert "would be repaired" in planned


@pytest.mark.parametrize(
    "form", [[("verb", "redrive")], [("verb", "drop"), ("id", "m1")], [("id", "m1")]], ids=str
)
def test_incomplete_choice_is_refused(
    browser: Browser, fill: Fill, token: tuple[str, str], form: list[tuple[str, str]]
):
    fill(PLACE, letter())

    answer = browser.post(f"/dead-letters/{PLACE.name}/plan", [token, *form])

    assert answer.status == 409
    assert "choose at least one dead letter" in answer.text


def test_dead_letter_that_is_gone_is_named_and_nothing_is_done(
    browser: Browser, fill: Fill, deployed: FakeDeployed, token: tuple[str, str]
):
    fill(PLACE, letter("m1"))

    form = [token, ("verb", "purge"), ("id", "m1"), ("id", "gone")]
    answer = browser.post(f"/dead-letters/{PLACE.name}/run", form)

    assert answer.status == 409
    assert "found no dead letter gone" in answer.text
    assert deployed.sqs.deleted == []


def test_console_that_only_reads_offers_and_does_nothing(
    browser: Browser, fill: Fill, deployed: FakeDeployed, console: Console
):
    fill(PLACE, letter())
    reads = replace(console, may_write=False)
    browser.app = create_app(reads, port=8800)
    form = [("csrf", reads.secrets.csrf), ("verb", "purge"), ("id", "m1")]

    planned = browser.post(f"/dead-letters/{PLACE.name}/plan", form)
    done = browser.post(f"/dead-letters/{PLACE.name}/run", form)

    assert "/run" not in planned.text
    assert (done.status, deployed.sqs.deleted) == (409, [])


def test_unknown_sink_is_named(browser: Browser):
    answer = browser.get("/dead-letters/orders/Nothing")

    assert answer.status == 409
    assert "there is no dead-letter queue orders/Nothing" in answer.text
