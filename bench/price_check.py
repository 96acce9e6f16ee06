"""Measure what checking the prices adds to accepting an order, side by side in the local cloud.

`python -m bench.price_check` deploys the orders service, and next to its function PlaceOrder a twin
of the same code that checks no price. Orders go to both in turns, so that both see the same load.
The time is that of an invocation: authorizer and routing of the HTTP API, which are the same for
both, are not in it.
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
TWIN = """
from lambdas.orders import place_order

place_order.offers.find = lambda skus: {}
place_order.check_prices = lambda *_, **__: None
handler = place_order.handler
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
        checked = _place_order(cloud)
        functions = {"unchecked": _create_twin(cloud, checked), "checked": checked}
        print("| SKUs | without | with the check | ratio |\n|---|---|---|---|", flush=True)
        for lines in LINES:
            times: dict[str, list[float]] = {name: [] for name in functions}
            for n in range(orders + 20):
                for name, function in functions.items():
                    took = _invoke(cloud, function, lines)
                    if n >= 20:  # Before, the functions' processes start.
                        times[name].append(took)
            without, with_it = (1000 * statistics.median(times[name]) for name in functions)
            print(f"| {lines} | {without:.1f} ms | {with_it:.1f} ms | {with_it / without:.2f} |")
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


def _create_twin(cloud: Cloud, function: str) -> str:
    """Create the function that checks no price; return its name."""
    functions = cloud.client("lambda")
    found = functions.get_function(FunctionName=function)
    configuration: Mapping[str, Any] = found["Configuration"]
    http = urllib3.PoolManager(ca_certs=str(cloud.certificate))
    location = urlsplit(found["Code"]["Location"])
    url = f"{cloud.endpoint}{location.path}?{location.query}"
    archive = io.BytesIO(http.request("GET", url).data)
    with zipfile.ZipFile(archive, "a") as code:
        code.writestr("lambdas/orders/place_order_unchecked.py", TWIN)
    kept = ("Runtime", "Role", "Timeout", "MemorySize", "Environment", "Architectures")
    functions.create_function(
        FunctionName="unchecked",
        Handler="lambdas.orders.place_order_unchecked.handler",
        Code={"ZipFile": archive.getvalue()},
        **{name: configuration[name] for name in kept},
    )
    return "unchecked"


def _invoke(cloud: Cloud, function: str, lines: int) -> float:
    """Place an order that no other looks like; return how many seconds that took."""
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
