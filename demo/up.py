"""Starts the platform on a laptop and leaves it running, for a person to use."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from sqlite3 import Connection

from demo import phases
from demo.console import running_console
from demo.guide import explain
from demo.order_book import load_orders
from demo.run import create_run, open_database, show_deployment
from demo.screen import Screen
from demo.workers import serve_until_interrupted
from emulator.cloud import running

CUSTOMERS = ("ada", "grace")
"""Customers with an address; they have one password."""
STOCK: Mapping[str, int] = {"85123A": 1_000, "71053": 500, "22633": 60, "84879": 12}
"""The units of each SKU that are delivered; a few SKUs are soon sold out."""

PRICE = 255
"""The price at which each of these SKUs is on offer, besides those of an export: pence."""


def up(orders: Path | None, *, port: int | None) -> int:
    """Deploy the platform to a local cloud and leave it running until a signal ends it.

    If there is an export, its orders are placed first.
    """
    screen = Screen()
    screen.title("Orders on a local cloud")
    with ExitStack() as stack:
        with screen.phase("starting") as note:
            cloud = stack.enter_context(running(port=port))
            note(cloud.endpoint)
        database = stack.enter_context(closing(open_database(cloud.directory / "run.sqlite3")))
        if orders:
            with screen.phase("reading") as note:
                note(f"{load_orders(orders, database):,} orders")
        on_shelf = stock_shelf(database)
        run = create_run(cloud, show_deployment(cloud, screen), database, reshard=False)
        phases.deliver_demand(run, screen, "delivery")
        phases.fill_catalogue(run, screen, [(sku, PRICE) for sku in on_shelf])
        for customer in CUSTOMERS:
            run.customers.sign_up(customer)
            run.notifications.register(customer)
        for link in run.notifications.mailbox.links():
            run.notifications.mailbox.confirm(link)
        if orders:
            phases.register_customers(run, screen)
            phases.submit_orders(run, screen, None)
            phases.await_sagas(run, screen)
        console = stack.enter_context(running_console(cloud, screen))
        explained = partial(
            explain, run, screen, customer=CUSTOMERS[0], line=first_line(database), console=console
        )
        serve_until_interrupted(cloud, screen.say, ready=explained)
    return 0


def stock_shelf(database: Connection) -> list[str]:
    """Add stock for a person's own orders to the demand; return those SKUs, which no export has."""
    ordered = {sku for (sku,) in database.execute("SELECT sku FROM demand")}
    database.executemany(
        "INSERT INTO demand VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET quantity = quantity + excluded.quantity",
        STOCK.items(),
    )
    return [sku for sku in STOCK if sku not in ordered]


def first_line(database: Connection) -> tuple[str, int]:
    """Return a SKU that is on offer, and its price: the export's first, if there is one."""
    row = database.execute(
        "SELECT lines ->> '$[0].sku', lines ->> '$[0].unit_price' FROM invoices"
        " ORDER BY line LIMIT 1"
    ).fetchone()
    return (str(row[0]), int(row[1])) if row else (next(iter(STOCK)), PRICE)
