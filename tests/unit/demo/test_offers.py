"""What a run puts on offer, and what it says of it."""

import io
import sqlite3
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from demo import offers, phases
from demo.api_client import ApiResponse
from demo.screen import Screen
from demo.up import PRICE, STOCK, stock_shelf


class Catalog:
    """Takes every product."""

    def __init__(self) -> None:
        self.prices: dict[str, list[int]] = {}

    def put_product(self, sku: str, *, name: str, offers: Any) -> ApiResponse:
        self.prices[sku] = [offer["unit_price"] for offer in offers]
        return ApiResponse(200, {"offers": [{"valid_from": "2026-12-01T00:00:00Z"}]})


@pytest.mark.parametrize("ordered", [{}, {"own": 200, "71053": 300}])
def test_prices_of_an_export_and_of_the_shelf_are_counted_together(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, ordered: dict[str, int]
):
    lines = ", ".join(f'{{"sku": "{sku}", "unit_price": {ordered[sku]}}}' for sku in ordered)
    if ordered:
        database.execute(
            "INSERT INTO invoices (number, customer, country, lines, line)"
            " VALUES ('1', 'ada', 'Italy', ?, 2)",
            [f"[{lines}]"],
        )
        database.executemany("INSERT INTO demand VALUES (?, 1)", [(sku,) for sku in ordered])
    catalog, out = Catalog(), io.StringIO()
    awaited: dict[str, str] = {}
    monkeypatch.setattr(offers, "wait_until_on_offer", lambda *known: awaited.update(known[2]))
    run: Any = SimpleNamespace(
        cloud=None, outputs={}, catalog=catalog, database=database, stop=threading.Event()
    )
    on_shelf = [(sku, PRICE) for sku in stock_shelf(database)]

    phases.fill_catalogue(run, Screen(out), on_shelf)

    expected = {sku: [price] for sku, price in ({**dict.fromkeys(STOCK, PRICE), **ordered}).items()}
    assert catalog.prices == expected
    assert awaited.keys() == expected.keys()
    count = len(expected)
    assert f"offering products     [{'#' * 24}] {count} of {count}" in out.getvalue()
