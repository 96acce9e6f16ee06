"""Reservations of whose orders nobody has said yet whether they stand, and the question about them.

A reservation is unresolved from the write that makes it to the one that releases it, ships it, or
notes that its order stands. The index holds just those, by the time since when they are quiet: when
they were made, or last asked about. Nobody here can tell an order that is over from one whose news
is late. So what has been quiet for long is asked about, and only the answer decides.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.inventory import ReservationUnresolved
from lambdas.contracts.orders import OrderStatusReported
from lambdas.inventory.domain import INDEX_SHARDS, reservation_unresolved
from lambdas.inventory.store import Reservations
from lambdas.runtime.bus import Bus
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.status_queries import RESOLVED, UNCHANGED, QueryOutcome, publish_queries

PAGE_SIZE = 50
"""The most that a run asks of a shard; the next run goes on behind them."""


class UnresolvedReservations:
    """The index of unresolved reservations."""

    def __init__(self, table: str, *, dynamodb: Any) -> None:
        """``table`` is the name of the reservations' table, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def stale_pages(self, *, before: str) -> Iterator[list[dict[str, Any]]]:
        """The index's rows that are quiet since before that time, a page of each shard's oldest."""
        for shard in range(INDEX_SHARDS):
            page = self._dynamodb.query(
                TableName=self._table,
                IndexName="unresolved_shard",
                KeyConditionExpression="unresolved_shard = :shard AND last_activity_at < :before",
                ExpressionAttributeValues=to_item({":shard": f"{shard:02}", ":before": before}),
                Limit=PAGE_SIZE,
            )
            yield [from_item(item) for item in page["Items"]]

    def claim(self, row: dict[str, Any], *, now: str) -> int | None:
        """Make it quiet since ``now``, which is to ask about it; return how often that was done.

        None is the answer when it moved meanwhile: it is settled, or another run asks.
        """
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"order_id": row["order_id"]}),
                UpdateExpression="SET last_activity_at = :now ADD query_count :one",
                ConditionExpression="unresolved_shard = :shard AND last_activity_at = :seen",
                ExpressionAttributeValues=to_item(
                    {
                        ":now": now,
                        ":one": 1,
                        ":shard": row["unresolved_shard"],
                        ":seen": row["last_activity_at"],
                    }
                ),
                ReturnValues="UPDATED_NEW",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None
        return int(from_item(answer["Attributes"])["query_count"])

    def resolve(self, order_id: str) -> bool:
        """Note that the order stands, so that nobody asks any more; tell whether that was new."""
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"order_id": order_id}),
                UpdateExpression="REMOVE unresolved_shard, last_activity_at",
                ConditionExpression="attribute_exists(unresolved_shard)",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


def reconcile(
    order: OrderStatusReported,
    *,
    reservations: Reservations,
    unresolved: UnresolvedReservations,
    now: str,
) -> str:
    """Do to a reservation what its order's state asks for; return what was done.

    An order that is over is released, as often as that is heard; what one that stands holds is
    settled. One that is under way has a saga, which may yet go either way: nothing is done. Raises
    what ``Reservations.release`` raises.
    """
    if order.is_undone:
        return reservations.release(order.order_id, now=now).state
    if order.is_confirmed and unresolved.resolve(order.order_id):
        return RESOLVED
    return UNCHANGED


class StaleReservationPoller:
    """Asks what became of orders whose reservations are quiet for longer than ``stale_after``."""

    def __init__(
        self, unresolved: UnresolvedReservations, bus: Bus, *, stale_after: timedelta
    ) -> None:
        self._unresolved = unresolved
        self._bus = bus
        self._stale_after = stale_after

    def find_stale(self, *, now: datetime) -> list[str]:
        """The orders that a run would ask about."""
        pages = self._unresolved.stale_pages(before=self._cutoff(now))
        return [row["order_id"] for page in pages for row in page]

    def query_stale(self, *, now: datetime) -> QueryOutcome:
        """Query a page of each shard; see ``publish_queries``."""
        pages = self._unresolved.stale_pages(before=self._cutoff(now))
        return publish_queries(
            (
                [query for row in page if (query := self._claim_query(row, now.isoformat()))]
                for page in pages
            ),
            self._bus,
        )

    def _cutoff(self, now: datetime) -> str:
        return (now - self._stale_after).isoformat()

    def _claim_query(
        self, row: dict[str, Any], now: str
    ) -> EventEnvelope[ReservationUnresolved] | None:
        number = self._unresolved.claim(row, now=now)
        return (
            None
            if number is None
            else reservation_unresolved(row["order_id"], query_number=number, now=now)
        )
