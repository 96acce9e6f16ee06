"""By what orders that look the same are found: a digest, and the minutes in which they came."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from lambdas.orders.domain import Order

PERIOD = timedelta(minutes=5)
"""Orders are looked through by the five minutes in which they were placed."""
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


def with_dedup_key(order: Order) -> Order:
    """The order with that by which it and others that look the same find each other.

    Orders look the same if they are of one customer, to one country, for the same things at the
    same prices. In which order the lines stand makes no difference. The dedup_key is a digest of
    that, and the time: sorted by it, orders that look the same stand together, by age.
    """
    lines = sorted((line["sku"], line["quantity"], line["unit_price"]) for line in order.lines)
    content = [order.customer_id, order.currency, order.country, lines]
    digest = sha256(json.dumps(content).encode()).hexdigest()[:32]
    dedup_bucket = bucket_name(period_start(datetime.fromisoformat(order.placed_at)), digest[0])
    return replace(order, dedup_bucket=dedup_bucket, dedup_key=f"{digest} {order.placed_at}")


def digest_of(dedup_key: str) -> str:
    """What is the same of all orders that look the same."""
    return dedup_key.partition(" ")[0]


def period_start(at: datetime) -> datetime:
    """When the period began in which that is."""
    return at - (at - _FIRST) % PERIOD


def periods(since: datetime, until: datetime) -> list[datetime]:
    """When each period begins, from the one in which ``since`` is to that of ``until``."""
    first = period_start(since)
    return [first + PERIOD * i for i in range((until - first) // PERIOD + 1)]


def bucket_name(period_start: datetime, shard: str) -> str:
    """The part of the index for a period's orders of one shard: ``2026-12-01T08:25+00:00 7``.

    The shard is the first digit of the dedup_key: orders that look the same are in one.
    """
    return f"{period_start.isoformat(timespec='minutes')} {shard}"
