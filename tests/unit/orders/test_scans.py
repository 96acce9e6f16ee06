"""What the searches over many orders ask DynamoDB for, and what they leave out."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.orders import scans
from lambdas.orders.dedup_key import PERIOD, with_dedup_key
from lambdas.orders.domain import Order
from lambdas.orders.rows import row_of
from lambdas.orders.scans import OrderScans
from lambdas.runtime.dynamodb import from_item, to_item
from tests.support.doubles import ClientDouble
from tests.support.duplicates import NOON
from tests.support.order_requests import placed


class Rows(ClientDouble):
    """A client of a table with these orders; it notes the values of its queries."""

    def __init__(self, *orders: Order) -> None:
        self._items = {order.order_id: to_item(row_of(order)) for order in orders}
        self.asked: list[dict[str, Any]] = []

    def query(self, **request: Any) -> dict[str, Any]:
        self.asked.append(from_item(request["ExpressionAttributeValues"]))
        bucket = request["ExpressionAttributeValues"].get(":bucket")
        found = [item for item in self._items.values() if item["dedup_bucket"] == bucket]
        return {"Items": found, "Count": len(found)}

    def get_item(self, *, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Item": self._items[Key["order_id"]["S"]]}


@pytest.mark.parametrize(
    ("in_last", "most", "number_found"),
    [(0, 3, 0), (1, 3, 3), (0, 2, 2), (1, 2, 2)],
    ids=["old", "new", "old and cut off", "new and cut off"],
)
def test_group_without_a_new_order_is_found_only_if_it_was_cut_off(
    monkeypatch: pytest.MonkeyPatch, in_last: int, most: int, number_found: int
):
    """Behind the cut there may be a new one, so its period must not count as resolved."""
    monkeypatch.setattr(scans, "MAX_CANDIDATES", most)
    times = NOON, NOON + timedelta(seconds=1), *([NOON + PERIOD] * in_last)
    orders = [
        with_dedup_key(replace(placed(key=f"{n}"), placed_at=at.isoformat()))
        for n, at in enumerate(times)
    ]
    table = OrderScans("orders", dynamodb=Rows(*orders))

    found = list(table.duplicate_candidates([NOON, NOON + PERIOD]))

    assert found == ([orders[:number_found]] if number_found else [])


def test_orders_that_went_on_are_counted_by_times_in_the_format_of_the_rows():
    rows = Rows()

    OrderScans("orders", dynamodb=rows).count_went_on(
        since=NOON, dispatch_within=timedelta(hours=12), shards="a"
    )

    assert rows.asked == [
        {":shard": "confirmed-a", ":since": "2026-12-02T00:00:00.000Z"},
        {":shard": "a", ":since": "2026-12-01T12:00:00.000Z"},
    ]
