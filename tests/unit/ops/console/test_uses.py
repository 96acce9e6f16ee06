"""Uses of permissions lead to the line of the map along which something passed."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from ops.console.overview import overview
from ops.console.uses import API, BUS, START, Use, passed
from ops.console.wiring import Wiring
from tests.support.asgi import Browser
from tests.unit.ops.dead_letter_samples import templates

DEPLOYED: Any = SimpleNamespace(templates=templates)
CALL = "lambda:InvokeFunction"
LINES = {name for *_, name in overview(Wiring(templates())).lines}
PHYSICAL = {each.name: each.physical for each in templates().resources()}


def arn(name: str) -> str:
    """Return an ARN or a name of a resource that ends as AWS's do; what is no resource stays."""
    return f"arn:aws:a/{re.split('[/:|]', PHYSICAL[name])[-1]}" if "/" in name else name


@pytest.mark.parametrize(
    ("what", "by", "source", "on", "line"),
    [
        ("events:PutEvents", "orders/RelayOutboxRole", "", "backbone/Bus", "orders>bus"),
        (START, "orders/FulfilmentMachineEventsRole", "", "orders/FulfilmentMachine", "bus>orders"),
        (CALL, "orders/FulfilmentRole", "", "payments/TakePayment", "orders>payments"),
        (CALL, "payments/TakePaymentRole", "", "cardprovider/HandleRequest",
         "payments>cardprovider"),
        (CALL, BUS, "orders/MarkDispatchedOnShipmentDispatchedRule", "orders/MarkDispatched",
         "bus>orders"),
        ("kinesis:PutRecord", BUS, "backbone/ToOrderStreamRule", "backbone/OrderStream",
         "bus>stream"),
        ("sqs:SendMessage", "sns.amazonaws.com", "inventory/Changes",
         "storefront/AvailabilitySubscriberQueue", "inventory>storefront"),
    ],
    ids=lambda each: each,
)  # fmt: skip
def test_use_passes_along_a_line_that_the_map_has(
    what: str, by: str, source: str, on: str, line: str
):
    use = Use(what, arn(by), arn(on), arn(source), 2)

    assert passed([use, use], DEPLOYED) == {f"line:{line}": 4}
    assert line in LINES


def test_request_and_what_the_stream_gives_pass_along_lines_of_the_map():
    route = f"arn:aws:execute-api:{PHYSICAL['httpapi/HttpApi']}/$default/POST/orders"
    request = Use(CALL, API, arn("orders/PlaceOrder"), route, 1)
    read = Use("lambda:invocations", "", PHYSICAL["storefront/UpdateTimelines"], "", 1)

    found = passed([request, read], DEPLOYED)

    assert found == {"line:httpapi>orders": 1, "line:stream>storefront": 1}
    assert {name.removeprefix("line:") for name in found} <= LINES


@pytest.mark.parametrize("what", ["dynamodb:PutItem", "sqs:ReceiveMessage", "states:transitions"])
def test_other_uses_pass_along_no_line(what: str):
    assert passed([Use(what, "a", "b", "", 1)], DEPLOYED) == {}


def test_each_line_of_the_map_has_its_name_and_no_other_has_it(browser: Browser):
    names = re.findall('data-line="line:([^"]+)"', browser.get("/map").text)

    assert len(names) == len({*names}) == len(LINES)
