"""Sales: counters that each confirmed order increments once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from typing import Annotated, Any

from lambdas.contracts.bounds import IntegerBounds
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.orders import OrderConfirmed

BUCKETS = 32
"""How many items each counter is spread over.

The hash that determines an order's shard in Kinesis determines its bucket too. As long as there are
no more shards than buckets, no two shards increment the same item.
"""
MAX_TRANSACTION_ITEMS = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""
MINUTE, PRODUCT = "minute", "product"
"""The kinds of counters."""
Total = Annotated[int, IntegerBounds(minimum=1 - 10**38, maximum=10**38 - 1)]
"""A sum over many orders. It may exceed what a contract's integer may be, up to the 38 digits that
DynamoDB keeps. Some readers of JSON round it above 2^53.
"""
CounterKey = tuple[str, str]
"""A counter's partition key (day, kind and bucket) and its sort key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a counter has counted."""

    orders: Total
    units: Total
    amount: Total


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """The increments that one order adds to the counters."""

    order_id: str
    increments: Mapping[CounterKey, Mapping[str, int]]
    """Orders, units and amount to add, by counter."""


def build_sales(events: Iterable[EventEnvelope[OrderConfirmed]]) -> list[Sale]:
    """Return the sales of confirmed orders, each order once."""
    return list({event.data.order_id: _build_sale(event) for event in events}.values())


def _build_sale(event: EventEnvelope[OrderConfirmed]) -> Sale:
    order = event.data
    at = datetime.fromisoformat(event.metadata.occurred_at).astimezone(UTC)
    bucket = md5(order.order_id.encode(), usedforsecurity=False).digest()[0] * BUCKETS // 256
    currency = order.total.currency
    minutes, products = (partition_key(f"{at:%Y-%m-%d}", per, bucket) for per in (MINUTE, PRODUCT))
    increments: dict[CounterKey, Mapping[str, int]] = {
        (minutes, f"{at:%H:%M}/{currency}"): {
            "orders": 1,
            "units": sum(line.quantity for line in order.lines),
            "amount": order.total.amount,
        }
    }
    for line in order.lines:
        increments[products, f"{line.sku}/{currency}"] = {
            "orders": 1,
            "units": line.quantity,
            "amount": line.quantity * line.unit_price,
        }
    return Sale(order_id=order.order_id, increments=increments)


def partition_key(day: str, per: str, bucket: int) -> str:
    """Return the partition key of a day's counters by minute or by product, in one bucket."""
    return f"{day}/{per}/{bucket}"


def split_into_transactions(sales: Iterable[Sale]) -> Iterator[list[Sale]]:
    """Yield groups of sales, each small enough for one transaction.

    A transaction has one item for each sale and one for each counter. One sale always fits: an
    order has at most 90 SKUs.
    """
    group: list[Sale] = []
    counters: set[CounterKey] = set()
    for sale in sales:
        if len(group) + 1 + len(counters | sale.increments.keys()) > MAX_TRANSACTION_ITEMS:
            yield group
            group, counters = [], set()
        group.append(sale)
        counters |= sale.increments.keys()
    if group:
        yield group


def sum_increments(sales: Iterable[Sale]) -> dict[CounterKey, dict[str, int]]:
    """Return the sum of the sales' increments by counter."""
    sums: dict[CounterKey, dict[str, int]] = {}
    for sale in sales:
        for counter, increments in sale.increments.items():
            _add_counts(sums.setdefault(counter, {}), increments)
    return sums


def render_sales(
    per: str, rows: Iterable[tuple[str, Mapping[str, int]]], *, limit: int, complete_to: str
) -> tuple[list[dict[str, Any]], str]:
    """Return a page of counters by minute or SKU, and the sort key after which the next begins.

    Each is the sum over its buckets. The rows are all up to the sort key ``complete_to``, or all
    of the day if it is empty. The returned key is empty after the last page.
    """
    sums: dict[str, dict[str, int]] = {}
    for sort_key, counts in rows:
        _add_counts(sums.setdefault(sort_key, {}), counts)
    what = {MINUTE: "minute", PRODUCT: "sku"}[per]
    keys = sorted(sums)
    page = [
        {what: sort_key.rpartition("/")[0], "currency": sort_key.rpartition("/")[2]}
        | sums[sort_key]
        for sort_key in keys[:limit]
    ]
    return page, keys[limit - 1] if len(keys) > limit else complete_to


def _add_counts(sums: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        sums[name] = sums.get(name, 0) + count
