"""The catalogue of a run: every price of a SKU in the export is an offer of it."""

import itertools
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from sqlite3 import Connection

from demo.api_client import CURRENCY, ApiClient, ApiResponse, Operators, http
from demo.database import count, insert
from demo.errors import DemoError
from demo.order_driver import map_in_threads
from demo.readers import scan
from demo.screen import Screen
from demo.waiting import wait_until_none
from emulator.cloud import Cloud
from lambdas.contracts.catalog import MAX_OFFERS

TAMPERED = 10
"""The number of orders that are first sent with a tampered price, then as they are."""

SCHEMA = "CREATE TABLE tampered_orders (invoice TEXT, status INT, named BOOL);"
"""The answers to orders with a tampered price; ``named``: whether the line is named."""


def put_export_on_offer(
    cloud: Cloud,
    outputs: Mapping[str, str],
    catalog: ApiClient,
    database: Connection,
    *,
    besides: Iterable[tuple[str, int]] = (),
    stop: threading.Event,
) -> Iterator[int]:
    """Put all prices of the export and some others on offer, and wait until they are on offer.

    ``besides`` has SKUs that the export does not have, each with its price.

    Yield the number of SKUs done after each one. If the catalogue refuses a SKU, it has no offer,
    and the API refuses its orders with a reason.
    """
    rows = database.execute(
        """SELECT DISTINCT line.value ->> '$.sku' AS sku, line.value ->> '$.unit_price' AS price
        FROM invoices, json_each(invoices.lines) AS line ORDER BY sku, price"""
    )
    prices = (
        (sku, [price for _, price in itertools.islice(group, MAX_OFFERS)])
        for sku, group in itertools.groupby(rows, key=lambda row: str(row[0]))
    )
    others = ((sku, [price]) for sku, price in besides)

    def put(product: tuple[str, Sequence[int]]) -> tuple[str, ApiResponse]:
        return product[0], put_on_offer(catalog, *product)

    begin: dict[str, str] = {}
    for done, (sku, answer) in enumerate(
        map_in_threads(put, itertools.chain(prices, others), stop=stop), 1
    ):
        if answer.status == 200:
            begin[sku] = max(offer["valid_from"] for offer in answer.body["offers"])
        elif answer.status not in (400, 404):
            raise DemoError(f"{sku} was not put on offer: {answer.status} {answer.body}")
        yield done
    wait_until_on_offer(cloud, outputs, begin)


def put_on_offer(catalog: ApiClient, sku: str, prices: Iterable[int]) -> ApiResponse:
    """Put a SKU on offer at these prices."""
    offers = [{"currency": CURRENCY, "unit_price": price} for price in prices]
    return catalog.put_product(sku, name=f"Article {sku}", offers=offers)


def put_prices_on_offer(
    cloud: Cloud, outputs: Mapping[str, str], skus: Iterable[str], price: int
) -> None:
    """Put SKUs on offer at one price, and wait until they are on offer.

    Raises:
        DemoError: The catalogue refused a SKU.
    """
    catalog = ApiClient(
        outputs["ApiUrl"],
        Operators(cloud, outputs),
        http=http(cloud),
        sleep=time.sleep,
    )
    begin = {}
    for sku in skus:
        answer = put_on_offer(catalog, sku, [price])
        if answer.status != 200:
            raise DemoError(f"{sku} was not put on offer: {answer.status} {answer.body}")
        begin[sku] = str(answer.body["offers"][-1]["valid_from"])
    wait_until_on_offer(cloud, outputs, begin)


def wait_until_on_offer(cloud: Cloud, outputs: Mapping[str, str], begin: Mapping[str, str]) -> None:
    """Wait until these SKUs are in orders' view and their offers have begun.

    ``begin`` has the time at which each SKU's offer begins.
    """
    client = cloud.client("dynamodb")

    def missing() -> int:
        known = {row["sku"] for page in scan(client, outputs["OffersTable"]) for row in page}
        return len(begin.keys() - known)

    wait_until_none(missing)
    last = max(map(datetime.fromisoformat, begin.values()), default=datetime.now(UTC))
    time.sleep(max(0.0, (last - datetime.now(UTC)).total_seconds()))


def tamper_with_prices(api: ApiClient, database: Connection) -> None:
    """Send some of the orders with a price that is not on offer, under their own keys.

    A refused request stores nothing under its key, so the orders are placed under the same keys
    later.
    """
    prices = database.execute(
        "SELECT DISTINCT line.value ->> '$.unit_price' FROM invoices, json_each(lines) AS line"
    )
    offered = {price for (price,) in prices}
    tampered = next(price for price in itertools.count(1) if price not in offered)
    invoices = database.execute(
        "SELECT number, customer, country, lines FROM invoices ORDER BY line LIMIT ?", [TAMPERED]
    ).fetchall()
    for number, customer, country, text in invoices:
        lines = json.loads(text)
        lines[-1]["unit_price"] = tampered
        answer = api.place(customer=customer, key=number, country=country, lines=lines)
        named = {problem["field"] for problem in answer.body.get("errors", ())}
        is_named = f"lines[{len(lines) - 1}].unit_price" in named
        insert(database, "tampered_orders", [(number, answer.status, is_named)])


def show(screen: Screen, database: Connection) -> None:
    """Show how many tampered prices were refused."""
    screen.item(
        "tampered prices",
        f"refused: {count_refused(database):,} of {count(database, 'tampered_orders'):,}",
    )


def count_refused(database: Connection) -> int:
    """Return how many orders with a tampered price were refused for that reason."""
    return count(database, "tampered_orders WHERE status = 409 AND named")


def succeeded(database: Connection) -> bool:
    """Whether every order with a tampered price was refused."""
    return count_refused(database) == count(database, "tampered_orders")
