"""The outbox relay: from the stream of the orders' table to the bus."""

from typing import Any

from lambdas.orders.domain import announcement
from lambdas.orders.store import order_of
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.items import from_item
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

bus = Bus(setting("EVENT_BUS"), events=client("events"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish what the changes tell; report the first that could not be told as failed.

    The stream then comes back with that record and all after it: an order's events keep their
    order, and one told twice has the same id.
    """
    told = {}
    for record in event["Records"]:
        change = record["dynamodb"]
        before = order_of(from_item(change["OldImage"])) if "OldImage" in change else None
        fact = announcement(before, order_of(from_item(change["NewImage"])))
        if fact is not None:
            told[fact.metadata.event_id] = (change["SequenceNumber"], fact)
    rejected = bus.publish([fact for _, fact in told.values()])
    log("orders announced", told=len(told) - len(rejected), rejected=len(rejected))
    failed = [told[fact.metadata.event_id][0] for fact in rejected]
    return {"batchItemFailures": [{"itemIdentifier": failed[0]}] if failed else []}
