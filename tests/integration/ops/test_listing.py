"""Orders are listed from a table of many pages."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lambdas.runtime.dynamodb import to_item
from ops.orders.listing import Selection, list_orders
from tests.unit.ops.order_samples import order

NOW = datetime(2026, 12, 2, tzinfo=UTC)
FILLER = "x" * 200_000
"""A scan returns 1 MB a page: five of these rows."""


def test_orders_of_all_pages_are_listed(dynamodb: Any, make_table: Callable[..., str]):
    table = make_table("orders", "order_id")
    for number in range(12):
        row = {**order("CONFIRMED"), "order_id": f"{number:032x}", "filler": FILLER}
        dynamodb.put_item(TableName=table, Item=to_item(row))
    expired = {"order_id": "f" * 32, "expired_at": "2026-12-01T00:00:00.000Z"}
    for row in ({"order_id": "garbled"}, expired):
        dynamodb.put_item(TableName=table, Item=to_item(row))

    listing = list_orders(dynamodb, table, Selection(state="CONFIRMED"), limit=5, now=NOW)

    assert (len(listing.orders), listing.selected, listing.with_problems) == (5, 12, 0)
    assert [row.order_id for row in listing.unreadable] == ["garbled"]
