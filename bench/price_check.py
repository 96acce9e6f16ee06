"""Measure how much time the check of prices adds to an order's acceptance, in the local cloud.

`python -m bench.price_check` deploys the orders service, and two copies of its function PlaceOrder.
The function itself has these prices in memory; one copy reads them for each order, and the other
checks no price. Orders go to all three in turn, so that all have the same load. The time is that of
an invocation, without the HTTP API's authorizer and routing, which are the same for all.
"""

import argparse
import io
import json
import statistics
import sys
import time
import zipfile
from collections.abc import Mapping
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import urllib3

from demo.deployment import deploy_app
from demo.errors import DemoError
from emulator.cloud import Cloud, running
from lambdas.contracts.catalog import Offer
from lambdas.contracts.codec import encode
from lambdas.orders.offers import SkuOffers
from lambdas.runtime.dynamodb import to_item
from stacks.environments import DEV

PRICE = 250
UNCHECKED = """
from lambdas.orders import place_order

place_order.offers.find = lambda *_, **__: {}
place_order.check_prices = lambda *_, **__: None
handler = place_order.handler
"""
READING = """
from datetime import timedelta

from lambdas.orders import known_offers

known_offers.LONGEST = timedelta()
from lambdas.orders.place_order import handler  # noqa: E402, F401
"""
LINES = (2, 20, 90)
_numbers = count()


def main() -> int:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.price_check", description=__doc__)
    parser.add_argument("--orders", type=int, default=300, help="how many of each size, to each")
    orders = parser.parse_args().orders
    with running() as cloud:
        outputs = deploy_app(cloud, stack=DEV.stack_name("Orders"), progress=lambda _: None)
        _put_on_offer(cloud, outputs["OffersTable"])
        known = _place_order(cloud)
        functions = {
            "unchecked": _create_twin(cloud, known, "unchecked", UNCHECKED),
            "reading": _create_twin(cloud, known, "reading", READING),
            "known": known,
        }
        print("| SKUs | no check | prices read | ratio | prices known | ratio |")
        print("|---|---|---|---|---|---|", flush=True)
        for lines in LINES:
            times: dict[str, list[float]] = {name: [] for name in functions}
            for n in range(orders + 20):
                for name, function in functions.items():
                    took = _invoke(cloud, function, lines)
                    if n >= 20:  # The functions' processes start before.
                        times[name].append(took)
            none, read, kept = (1000 * statistics.median(times[name]) for name in functions)
            cells = f"{none:.1f} ms | {read:.1f} ms | {read / none:.2f}"
            print(f"| {lines} | {cells} | {kept:.1f} ms | {kept / none:.2f} |", flush=True)
    return 0


def _put_on_offer(cloud: Cloud, table: str) -> None:
    offer = Offer(currency="GBP", unit_price=PRICE, valid_from="2000-01-01T00:00:00.000Z")
    for n in range(max(LINES)):
        row = SkuOffers(sku=f"SKU-{n}", sequence=1, offers=(offer,))
        cloud.client("dynamodb").put_item(TableName=table, Item=to_item(encode(row)))


def _place_order(cloud: Cloud) -> str:
    stack = cloud.client("cloudformation").describe_stack_resources(
        StackName=DEV.stack_name("Orders")
    )
    (name,) = (
        str(each["PhysicalResourceId"])
        for each in stack["StackResources"]
        if each["ResourceType"] == "AWS::Lambda::Function"
        and each["LogicalResourceId"].startswith("PlaceOrder")
    )
    return name


def _create_twin(cloud: Cloud, function: str, name: str, module: str) -> str:
    """Create a copy of a function with ``module`` in front of its code; return its name."""
    functions = cloud.client("lambda")
    found = functions.get_function(FunctionName=function)
    configuration: Mapping[str, Any] = found["Configuration"]
    http = urllib3.PoolManager(ca_certs=str(cloud.certificate))
    location = urlsplit(found["Code"]["Location"])
    url = f"{cloud.endpoint}{location.path}?{location.query}"
    archive = io.BytesIO(http.request("GET", url).data)
    with zipfile.ZipFile(archive, "a") as code:
        code.writestr(f"lambdas/orders/place_order_{name}.py", module)
    kept = ("Runtime", "Role", "Timeout", "MemorySize", "Environment", "Architectures")
    functions.create_function(
        FunctionName=name,
        Handler=f"lambdas.orders.place_order_{name}.handler",
        Code={"ZipFile": archive.getvalue()},
        **{setting: configuration[setting] for setting in kept},
    )
    return name


def _invoke(cloud: Cloud, function: str, lines: int) -> float:
    """Place an order that looks like no other; return the seconds that it took."""
    number = next(_numbers)
    body = {
        "currency": "GBP",
        "country": "United Kingdom",
        "lines": [
            {"sku": f"SKU-{n}", "quantity": 1 + number, "unit_price": PRICE} for n in range(lines)
        ],
    }
    claims = {"claims": {"sub": "bench"}}
    event = {
        "headers": {"idempotency-key": f"{function}-{number}"},
        "requestContext": {"requestId": "bench", "authorizer": {"jwt": claims}},
        "body": json.dumps(body),
    }
    client = cloud.client("lambda")
    began = time.perf_counter()
    answer = json.load(client.invoke(FunctionName=function, Payload=json.dumps(event))["Payload"])
    took = time.perf_counter() - began
    if answer.get("statusCode") != 202:
        raise DemoError(f"the order was not accepted: {answer}")
    return took


if __name__ == "__main__":
    sys.exit(main())
