"""The map shows what the deployed templates declare, and nothing is kept as a list of its own."""

import asyncio
import html
import json
import re
from itertools import combinations
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ops.console.live_counts import LiveCounts, count, events
from ops.console.map import PROBLEM
from ops.console.overview import ENTRANCE, HEIGHT, WIDTH, overview
from ops.console.service_map import owner, service_map
from ops.console.wiring import KINDS, Wiring
from ops.dlq.templates import Templates
from simulation.saga_walk import STEPS
from tests.support.asgi import Browser
from tests.unit.ops.console.conftest import FakeDeployed, Fill
from tests.unit.ops.dead_letter_samples import message, sink, templates

WIRING = Wiring(templates())
SERVICES = sorted({owner(each) for each in WIRING.things})


def wires() -> set[tuple[str, str, str]]:
    return {(w.source.name, w.how, w.target.name) for w in WIRING.wires}


@pytest.mark.parametrize(
    "wire",
    [
        ("httpapi/HttpApi", "POST /orders", "orders/PlaceOrder"),
        ("orders/PlaceOrder", "writes", "orders/Orders"),
        ("orders/Offers", "is read by", "orders/PlaceOrder"),
        ("orders/Orders", "gives to", "orders/RelayOutbox"),
        ("orders/RelayOutbox", "publishes", "backbone/Bus"),
        ("backbone/Bus", "matches", "orders/StartFulfilmentRule"),
        ("orders/StartFulfilmentRule", "gives to", "orders/FulfilmentMachine"),
        ("orders/FulfilmentMachine", "calls", "payments/TakePayment"),
        ("orders/FulfilmentMachine", "writes", "orders/Orders"),
        ("payments/TakePayment", "calls", "cardprovider/HandleRequest"),
        ("payments/TakePayment", "writes", "payments/LedgerCluster"),
        ("backbone/ToOrderStreamRule", "gives to", "backbone/OrderStream"),
        ("backbone/OrderStream", "gives to", "storefront/UpdateTimelines"),
        ("inventory/Changes", "gives to", "storefront/AvailabilitySubscriberQueue"),
        ("storefront/AvailabilitySubscriberQueue", "gives to", "storefront/UpdateAvailability"),
        ("warehouse/Picking", "is consumed by", "warehouse/WorkersGroupASG"),
        ("warehouse/WorkersGroupASG", "publishes", "backbone/Bus"),
        ("notifications/IssueInvoice", "succeeds into", "notifications/NotifyCustomer"),
        ("orders/JobsExpireOrdersSchedule", "starts", "orders/JobsExpireOrders"),
    ],
    ids=" ".join,
)
def test_wire_of_a_template_is_found(wire: tuple[str, str, str]):
    assert wire in wires()


def test_every_function_gets_from_something_and_sinks_are_no_things():
    targets = {wire.target for wire in WIRING.wires}
    left = [each.name for each in WIRING.things if each not in targets]

    assert {name for name in left if "Schedule" not in name} >= {"httpapi/HttpApi"}
    assert not {each.name for each in WIRING.things} & {each.name for each in WIRING.sinks}
    # An operator or a deployment calls these.
    assert {each.name for each in WIRING.things if KINDS[each.kind] == "function"} & {*left} <= {
        "inventory/ReceiveStock",
        "notifications/ContactsEraseCustomer",
        "orders/LiftHold",
        "orders/MarkCompensationCompleted",
        "orders/ResumeOrder",
        "payments/MigrationsMigrate",
    }


def test_orders_way_runs_from_left_to_right_above_the_bus():
    cards = overview(WIRING).cards
    above = [card.service for card in sorted(cards, key=lambda c: c.x) if card.y == cards[0].y]

    assert above[:2] == ["httpapi", "orders"]
    called = {str(step.action.function.function_arn).split(".")[1] for step in STEPS}
    assert called == {*above[2 : 2 + len(called)]}
    assert above.index("warehouse") > above.index("payments")
    assert {card.service for card in cards} == {*SERVICES} - {"backbone"}


def test_cards_do_not_cover_each_other_and_have_room():
    shown = overview(WIRING)

    for a, b in combinations(shown.cards, 2):
        assert abs(a.x - b.x) >= WIDTH or abs(a.y - b.y) >= HEIGHT
    assert all(c.x + WIDTH <= shown.width and c.y + HEIGHT <= shown.height for c in shown.cards)


@pytest.mark.parametrize("service", SERVICES)
def test_map_of_a_service_has_each_of_its_things_once_and_none_covers_another(service: str):
    shown = service_map(WIRING, service)

    own = [node.thing for node in shown.nodes if node.is_own]
    assert sorted(each.name for each in own) == sorted(
        each.name for each in WIRING.things if owner(each) == service
    )
    places = [(node.x, node.y) for node in shown.nodes]
    assert len({*places}) == len(places)


@pytest.mark.parametrize("service", SERVICES)
def test_page_of_a_service_leads_to_each_of_its_things(browser: Browser, service: str):
    page = browser.get(f"/map/{service}")

    assert page.status == 200
    for address in {*re.findall(r'href="(/map/[^"/]+/[^"]+)"', page.text)}:
        assert browser.get(html.unescape(address)).status == 200, address


def test_page_of_a_thing_has_its_code_its_properties_and_its_failures(browser: Browser, fill: Fill):
    place = sink("orders/MarkDispatchedDeadLetters")
    fill(place, message("{}"))
    (thing,) = (each for each in WIRING.things if each.name == "orders/MarkDispatched")

    page = html.unescape(browser.get(f"/map/orders/{thing.id}").text)

    assert "<code>lambdas/orders/mark_dispatched.py</code>" in page.replace("<wbr>", "")
    assert '"Handler": "lambdas.orders.mark_dispatched.handler"' in page
    assert f'href="/dead-letters/{place.name}"' in page
    text = re.sub("<[^>]+>", "", page)
    assert "rule orders/MarkDispatchedOnShipmentDispatchedRule gives to it" in text
    assert "writes table orders/Orders" in text


@pytest.mark.parametrize("path", ["/map/nothing", "/map/orders/nothing", "/map/%3Cb%3E"])
def test_unknown_thing_is_not_found(browser: Browser, path: str):
    answer = browser.get(path)

    assert answer.status == 404
    assert "<b>" not in answer.text


def test_counts_are_by_thing_sink_and_service(deployed: FakeDeployed, fill: Fill):
    place = sink("orders/Repair")
    fill(place, message("{}", id="1"), message("{}", id="2"))
    queue = next(each for each in WIRING.things if each.name == "warehouse/Picking")
    deployed.sqs.messages[queue.physical] = [message("{}")]
    deployed.running = 3

    counts = count(deployed)  # type: ignore[arg-type]

    assert (counts["orders/Repair"], counts["orders.dead"]) == (2, 2)
    assert (counts["warehouse/Picking"], counts["warehouse.flying"]) == (1, 1)
    assert (counts["orders/FulfilmentMachine"], counts["orders.flying"]) == (3, 6)


@pytest.mark.parametrize("code", ["StateMachineTypeNotSupported", "AccessDeniedException"])
def test_executions_that_nobody_says_are_not_counted_as_none(deployed: FakeDeployed, code: str):
    deployed.running_refused = code

    counts = count(deployed)  # type: ignore[arg-type]

    assert "orders/FulfilmentMachine" not in counts
    assert counts["orders/Repair"] == 0


def test_other_failure_of_step_functions_is_no_count(deployed: FakeDeployed):
    deployed.running_refused = "ThrottlingException"

    with pytest.raises(ClientError, match="ThrottlingException"):
        count(deployed)  # type: ignore[arg-type]


def test_counts_are_taken_once_for_all_pages_while_they_are_good(
    deployed: FakeDeployed, monkeypatch: pytest.MonkeyPatch
):
    now, taken = [0.0], list[float]()

    def take(_: object) -> dict[str, int]:
        taken.append(now[0])
        return {"a": len(taken)}

    monkeypatch.setattr("ops.console.live_counts.count", take)
    counts = LiveCounts(
        deployed,  # type: ignore[arg-type]
        seconds=2,
        passed=lambda: {"line:orders>bus": 3},
        clock=lambda: now[0],
    )

    seen = []
    for now[0] in (0, 1, 1.9, 2, 3):
        seen.append(counts.now()["a"])

    assert (seen, taken) == ([1, 1, 1, 2, 2], [0, 2])
    assert counts.now()["line:orders>bus"] == 3


def test_page_learns_that_counts_are_old_when_nobody_answers(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
):
    def no_answer(_: object) -> Any:
        raise EndpointConnectionError(endpoint_url="https://gone")

    monkeypatch.setattr("ops.console.live_counts.count", no_answer)
    said = json.loads(browser.get("/live").text.removeprefix("data: "))

    assert list(said) == [PROBLEM]
    assert said[PROBLEM].startswith("These counts are old: Could not connect")


def test_page_gets_all_counts_and_then_those_that_changed():
    states = iter([{"a": 1, "b": 0}, {"a": 1, "b": 0}, {"a": 1, "b": 2}])

    async def now() -> dict[str, int]:
        return next(states)

    async def pause() -> None:
        pass

    async def first_three() -> list[str]:
        stream = events(now, pause)
        return [await anext(stream) for _ in range(3)]

    first, second, third = asyncio.run(first_three())

    assert json.loads(first.removeprefix("data: ")) == {"a": 1, "b": 0}
    assert second.startswith(":")
    assert json.loads(third.removeprefix("data: ")) == {"b": 2}


@pytest.mark.parametrize(
    ("without", "said"), [(("Backbone", "Disputes"), "event bus"), (("HttpApi",), ENTRANCE)]
)
def test_map_of_a_half_deployed_platform_says_what_is_missing(
    browser: Browser, deployed: FakeDeployed, without: tuple[str, ...], said: str
):
    whole = templates()
    kept = {name: each for name, each in whole._stacks.items() if not name.endswith(without)}
    deployed.templates = lambda: Templates(kept)  # type: ignore[method-assign]

    answer = browser.get("/map")
    assert (answer.status, said in answer.text) == (409, True)
    assert browser.get("/map/orders").status == 200
    assert browser.get("/dead-letters").status == 200
