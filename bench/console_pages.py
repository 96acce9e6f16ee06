"""Measure how long the console's pages take with many orders, on a laptop.

`python -m bench.console_pages` deploys the platform to a local cloud, puts orders into its table,
and asks a new console for each page. The first time is that of the first view.
"""

import secrets
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import urllib3

from demo.console import running_console
from demo.deployment import deploy_app
from demo.screen import Screen
from emulator.cloud import Cloud, running
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.values import PricedLine
from lambdas.orders.domain import Order
from lambdas.orders.rows import row_of
from lambdas.runtime.dynamodb import to_item

PAGES = ("/map", "/orders", "/orders?state=CONFIRMED", "/dead-letters", "/map/orders")
TIMES = 5
LINES = tuple(PricedLine(sku=f"8512{n}", quantity=2, unit_price=255) for n in range(3))


def fill(cloud: Cloud, table: str, orders: int) -> None:
    """Put orders into the table."""
    client, now = cloud.client("dynamodb"), datetime.now(UTC)
    for number in range(orders):
        placed = (now - timedelta(seconds=number)).isoformat()
        order = Order(
            order_id=secrets.token_hex(16),
            customer_id=f"customer-{number % 50}",
            state=OrderState.DISPATCHED if number % 4 else OrderState.CONFIRMED,
            sequence=2,
            fingerprint="f",
            request_id="r",
            currency="GBP",
            country="Italy",
            lines=LINES,
            total=sum(line.quantity * line.unit_price for line in LINES),
            placed_at=placed,
            changed_at=placed,
        )
        client.put_item(TableName=table, Item=to_item(row_of(order)))


def measure(address: str) -> Mapping[str, list[float]]:
    """Return the seconds that each page took, at each request."""
    http, base = urllib3.PoolManager(), address.partition("/enter")[0]
    entered = http.request("GET", address, redirect=False)
    headers = {"Cookie": entered.headers["Set-Cookie"].partition(";")[0]}
    taken: dict[str, list[float]] = {}
    for page in PAGES:
        for _ in range(TIMES):
            began = time.perf_counter()
            answer = http.request("GET", f"{base}{page}", headers=headers)
            taken.setdefault(page, []).append(time.perf_counter() - began)
            if answer.status != 200:
                raise RuntimeError(f"{page}: {answer.status}")
    return taken


def main() -> None:
    """Print the times as a table."""
    parser = ArgumentParser(prog="python -m bench.console_pages", description=__doc__)
    parser.add_argument("--orders", type=int, default=2_000)
    orders = parser.parse_args().orders
    with running() as cloud:
        outputs = deploy_app(cloud, progress=lambda _: None)
        fill(cloud, outputs["OrdersTable"], orders)
        with running_console(cloud, Screen(sys.stderr)) as address:
            taken = measure(address)
    print(f"{orders:,} orders; seconds: the first time, the median")
    for page, seconds in taken.items():
        print(f"{page:<26}{seconds[0]:6.2f}{sorted(seconds)[len(seconds) // 2]:6.2f}")


if __name__ == "__main__":
    main()
