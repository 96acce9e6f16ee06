"""By what orders that look the same are found: a digest, and the minutes in which they came."""

import json
from collections.abc import Sequence
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from lambdas.contracts.values import PricedLine

PERIOD = timedelta(minutes=5)
"""Orders are looked through by the five minutes in which they were placed."""
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


def likeness(
    customer_id: str, currency: str, country: str, lines: Sequence[PricedLine], *, placed_at: str
) -> str:
    """A digest, and the time: sorted by it, orders that look the same stand together, by age.

    Orders look the same if they are of one customer, to one country, for the same things at the
    same prices. In which order the lines stand makes no difference.
    """
    content = [customer_id, currency, country, sorted(map(astuple, lines))]
    return f"{sha256(json.dumps(content).encode()).hexdigest()[:32]} {placed_at}"


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
