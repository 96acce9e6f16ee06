"""The platform in one process, in which two customers have ordered, and its routes."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lambdas.contracts.warehouse import OrderPicked
from simulation.functions import Outcome
from simulation.tables import BusyRow
from simulation.templates import Templates
from tests.contracts.catalog import EVENTS, read, sample_of
from tests.support.in_process import InProcess
from tests.support.in_process_consumers import Consumers
from tests.templates.synthesis import PARTNER, synthesis

SNAPSHOTS = Path(__file__).parents[1] / "templates" / "__snapshots__" / "test_snapshots"
MALLORY, VICTIM = "mallory", "17850"
"""Who abuses the platform, and whose data must not be seen. The second is the samples' customer."""
SKU, PRICE = "cup/7", 255
SECRETS = ("Victoria Secret", "victoria@example.com")
"""What only the victim may see, besides the orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbusedPlatform:
    """The platform, and the ids that somebody who abuses it may try."""

    here: InProcess
    consumers: Consumers
    routes: Mapping[str, str]
    """The name of each route's function."""
    own_order: str
    victims_order: str
    tokens: tuple[str, ...]

    def request(self, route: str, **parts: Any) -> Outcome:
        """Call a route as API Gateway does."""
        return self.here.invoke(self.routes[route], gateway_event(**parts))


def gateway_event(
    *,
    caller: str | None = MALLORY,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    is_base64: bool = False,
) -> dict[str, Any]:
    """The event of a request: payload format 2.0, which leaves out what a request lacks."""
    signed_in = {"authorizer": {"jwt": {"claims": {"sub": caller}}}}
    parts = {"pathParameters": path, "queryStringParameters": query, "body": body}
    return {
        "version": "2.0",
        "headers": {name.lower(): value for name, value in (headers or {}).items()},
        "requestContext": {"requestId": "JKJaXmPLvHcESHA=", **(signed_in if caller else {})},
        "isBase64Encoded": is_base64,
        **{name: value for name, value in parts.items() if value},
    }


def routes(templates: Templates) -> dict[str, str]:
    """The function of each route."""
    functions = {
        integration.name: integration.properties["IntegrationUri"]
        for integration in templates.all("AWS::ApiGatewayV2::Integration")
    }
    return {
        route.properties["RouteKey"]: functions[route.properties["Target"].partition("/")[2]]
        for route in templates.all("AWS::ApiGatewayV2::Route")
    }


def consumer_names(*kinds: str) -> list[str]:
    """The names of the consumers of these kinds."""
    here = InProcess(snapshots(), sender="")
    with here.installed():
        return sorted({str(each) for each in Consumers(here).all if each.kind in kinds})


@cache
def snapshots() -> Templates:
    """The templates as they were accepted last, for the names of tests: synthesis takes seconds."""
    paths = SNAPSHOTS.glob("*Orders-Dev-*.json")
    return Templates(
        {re.findall(r"\[(.+)\]", path.name)[0]: json.loads(path.read_text()) for path in paths}
    )


@cache
def templates() -> Templates:
    return Templates(synthesis("dev").platform.templates)


def prepare() -> AbusedPlatform:
    """Prepare the platform; ``here.restore()`` brings it back to this state."""
    here = InProcess(templates(), sender="orders@shop.example")
    with here.installed():
        return _play(here, Consumers(here))


def _play(here: InProcess, consumers: Consumers) -> AbusedPlatform:
    for event in EVENTS:
        for version in event.reads():
            consumers.publish(read(sample_of(event, version)))
    consumers.publish(dispute("o1"))
    consumers.deliver_changes()
    functions = routes(here.templates)

    def call(route: str, **parts: Any) -> Any:
        outcome = here.invoke(functions[route], gateway_event(**parts))
        assert not outcome.error, outcome
        assert outcome.payload["statusCode"] in (200, 202), outcome.payload
        mails = [r for _, operation, r in here.sent if operation == "send_email"]
        consumers.deliver_changes()
        tokens = re.findall(r"token=([\w.-]+)", str(mails))
        return tokens[0] if tokens else json.loads(outcome.payload["body"])

    product = {"name": "Jug", "offers": [{"currency": "GBP", "unit_price": PRICE}]}
    call("PUT /products/{sku+}", path={"sku": SKU}, body=json.dumps(product))
    here.kernel.now += 600
    tokens, orders = [], []
    for customer, name, email in (
        (VICTIM, *SECRETS),
        (MALLORY, "Mallory", "mallory@example.com"),
    ):
        contact = json.dumps({"name": name, "email": email})
        tokens.append(call("PUT /contact", caller=customer, body=contact))
        order = {"currency": "GBP", "country": "France", "lines": [order_line()]}
        headers = {"Idempotency-Key": "first"}
        placed = call("POST /orders", caller=customer, headers=headers, body=json.dumps(order))
        orders.append(placed["order_id"])
    confirm = functions["POST /contact/confirmation"]
    here.invoke(confirm, gateway_event(caller=None, body=f"token={tokens[0]}"))
    _fulfil(here, consumers, orders[0])
    here.save()
    return AbusedPlatform(
        here=here,
        consumers=consumers,
        routes=functions,
        own_order=orders[1],
        victims_order=orders[0],
        tokens=tuple(tokens),
    )


def _fulfil(here: InProcess, consumers: Consumers, order: str) -> None:
    """Execute the commands of the saga, as the state machine would."""
    line = {"sku": SKU, "quantity": 1}
    commands = {
        "inventory.receive_stock": {"delivery_id": "d", "lines": [{**line, "quantity": 9}]},
        "inventory.reserve_stock": {"order_id": order, "lines": [line]},
        "shipping.book_shipment": {"order_id": order, "country": "France", "lines": [line]},
    }
    for function, command in commands.items():
        assert not here.call_function(function, command).error
        consumers.deliver_changes()
    picked = sample_of(OrderPicked).read_text()
    order_of_sample = json.loads(picked)["detail"]["data"]["order_id"]
    consumers.publish(json.loads(picked.replace(order_of_sample, order)))
    consumers.deliver_changes()
    stock = next(name for name in here.table_names if "Inventory.Stock" in name)
    busy = BusyRow(table=stock, key=SKU, since=0, until=float("inf"), share=2)
    here.tables.busy.append(busy)
    here.call_function("inventory.reserve_stock", {"order_id": "waits", "lines": [line]})
    here.tables.busy.remove(busy)
    # The units are still to be moved.
    consumers.drop_changes()


def order_line(quantity: int = 1) -> dict[str, Any]:
    return {"sku": SKU, "quantity": quantity, "unit_price": PRICE}


def dispute(order: str) -> dict[str, Any]:
    """The partner's event about an order."""
    return {
        "version": "0",
        "id": "8e967152-09d9-55d8-a003-3d0c50f77355",
        "detail-type": "Dispute Opened",
        "source": PARTNER,
        "account": "123456789012",
        "time": "2026-12-01T08:26:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {"payment_key": order, "dispute_id": "d1", "reason": "fraudulent"},
    }
