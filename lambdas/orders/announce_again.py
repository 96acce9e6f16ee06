"""On schedule: tells again of orders that nobody works on.

An order whose event was lost, or whose saga died without a word, is announced a second time under
the same event id. Whoever heard of it before recognises it; the saga claims it, or takes the dead
one's claim over, and brings the order to its end.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.orders.domain import announcement, overdue
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
bus = Bus(setting("EVENT_BUS"), events=client("events"))
PATIENCE = timedelta(seconds=int(setting("PATIENCE_SECONDS")))


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Tell of the oldest such orders again; return how many, and how many the bus did not take."""
    now = datetime.now(UTC)
    unfinished = orders.unfinished(placed_before=(now - PATIENCE).isoformat())
    due = [order for order in unfinished if overdue(order, now=int(now.timestamp()))]
    facts = [fact for order in due if (fact := announcement(None, order))]
    rejected = bus.publish(facts)
    log("orders announced again", found=len(facts), rejected=len(rejected))
    return {"found": len(facts), "rejected": len(rejected)}
