"""The dedup key of an order: in its index, orders that look the same lie next to each other.

The index is partitioned by the period in which an order was placed, and by shard. It is sorted by
the dedup key: a digest of what was ordered, then the time.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from lambdas.orders.domain import Order

PERIOD = timedelta(minutes=5)
"""The index has a bucket for each period and shard."""
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


def with_dedup_key(order: Order) -> Order:
    """Return the order with its keys in the index.

    Two orders look the same if customer, country, currency, SKUs, quantities and prices are equal.
    The sequence of the lines makes no difference. ``dedup_key`` is a digest of these, followed by
    the time of placing: sorted by it, orders that look the same are neighbours, the oldest first.
    """
    lines = sorted((line.sku, line.quantity, line.unit_price) for line in order.lines)
    content = [order.customer_id, order.currency, order.country, lines]
    digest = sha256(json.dumps(content).encode()).hexdigest()[:32]
    dedup_bucket = bucket_name(period_start(datetime.fromisoformat(order.placed_at)), digest[0])
    return replace(order, dedup_bucket=dedup_bucket, dedup_key=f"{digest} {order.placed_at}")


def digest_of(dedup_key: str) -> str:
    """Return the digest part of a ``dedup_key``. It is equal for orders that look the same."""
    return dedup_key.partition(" ")[0]


def period_start(at: datetime) -> datetime:
    """Return the start of the period that contains ``at``."""
    return at - (at - _FIRST) % PERIOD


def periods(since: datetime, until: datetime) -> list[datetime]:
    """Return the starts of all periods from that of ``since`` to that of ``until``, inclusive."""
    first = period_start(since)
    return [first + PERIOD * i for i in range((until - first) // PERIOD + 1)]


def bucket_name(period_start: datetime, shard: str) -> str:
    """Return the index's partition for a period and a shard: ``2026-12-01T08:25+00:00 7``.

    The shard is the digest's first digit, so orders that look the same share one.
    """
    return f"{period_start.isoformat(timespec='minutes')} {shard}"
