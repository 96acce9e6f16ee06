"""By what orders that look the same are found: a digest, and the minutes in which they came."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from lambdas.orders.domain import Order

PERIOD = timedelta(minutes=5)
"""Orders are looked through by the five minutes in which they were placed."""
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


def findable(order: Order) -> Order:
    """The order with that by which it and others that look the same find each other.

    Orders look the same if they are of one customer, to one country, for the same things at the
    same prices. In which order the lines stand makes no difference. The likeness is a digest of
    that, and the time: sorted by it, orders that look the same stand together, by age.
    """
    lines = sorted((line["sku"], line["quantity"], line["unit_price"]) for line in order.lines)
    content = [order.customer_id, order.currency, order.country, lines]
    digest = sha256(json.dumps(content).encode()).hexdigest()[:32]
    placed_in = part(begin(datetime.fromisoformat(order.placed_at)), digest[0])
    return replace(order, placed_in=placed_in, likeness=f"{digest} {order.placed_at}")


def same(likeness: str) -> str:
    """What is the same of all orders that look the same."""
    return likeness.partition(" ")[0]


def begin(at: datetime) -> datetime:
    """When the period began in which that is."""
    return at - (at - _FIRST) % PERIOD


def periods(since: datetime, until: datetime) -> list[datetime]:
    """When each period begins, from the one in which ``since`` is to that of ``until``."""
    first = begin(since)
    return [first + PERIOD * i for i in range((until - first) // PERIOD + 1)]


def part(begin: datetime, shard: str) -> str:
    """The part of the index for a period's orders of one shard: ``2026-12-01T08:25+00:00 7``.

    The shard is the first digit of the likeness: orders that look the same are in one.
    """
    return f"{begin.isoformat(timespec='minutes')} {shard}"
