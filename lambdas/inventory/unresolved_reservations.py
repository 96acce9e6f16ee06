"""Unresolved reservations: inventory does not know yet how their orders end.

A reservation is unresolved from the write that makes it to the write that releases it, ships it, or
records that its order was confirmed. The sparse index has these, and all pending reservations: to
claim one for a query is a write, so that ``move_units.py`` gets the reservation again. The index is
sorted by ``last_activity_at``: when they were made, or last queried. See
``lambdas/runtime/status_queries.py``.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lambdas.contracts.bounds import MAX_INTEGER
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.inventory import ReservationState, ReservationUnresolved
from lambdas.contracts.orders import OrderStatusReported
from lambdas.contracts.times import format_time
from lambdas.inventory.domain import INDEX_SHARDS, reservation_unresolved
from lambdas.inventory.store import Reservations
from lambdas.runtime.bus import Bus
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.log import log_error
from lambdas.runtime.status_queries import RESOLVED, UNCHANGED, QueryOutcome, publish_queries

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


PAGE_SIZE = 50
"""How many orders of a shard a run queries at most; the next run continues with the next."""


class UnresolvedReservations:
    """The index of unresolved reservations."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the name of the reservations' table, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def stale_pages(self, *, before: str) -> Iterator[list[dict[str, Any]]]:
        """Yield a page of each shard: rows without activity since ``before``, the oldest first."""
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
        """Claim a row for a query: record ``now`` as its last activity, and count the query.

        Return the number of the query, from 1. Return None if the row has changed since it was
        read, because the reservation was resolved or another run claimed it. A count that is no
        event's number, because somebody edited the row, begins again.
        """
        number = self._claim(
            row,
            "SET last_activity_at = :now ADD query_count :one",
            now=now,
            condition=" AND (attribute_not_exists(query_count)"
            " OR query_count BETWEEN :none AND :most)",
            values={":none": 0, ":most": MAX_INTEGER - 1},
        )
        if number is not None:
            return number
        number = self._claim(row, "SET last_activity_at = :now, query_count = :one", now=now)
        if number is not None:
            log_error("query_count_replaced", order_id=row["order_id"])
        return number

    def _claim(
        self,
        row: dict[str, Any],
        update: str,
        *,
        now: str,
        condition: str = "",
        values: Mapping[str, int] = MappingProxyType({}),
    ) -> int | None:
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"order_id": row["order_id"]}),
                UpdateExpression=update,
                ConditionExpression="unresolved_shard = :shard AND last_activity_at = :seen"
                + condition,
                ExpressionAttributeValues=to_item(
                    {
                        ":now": now,
                        ":one": 1,
                        ":shard": row["unresolved_shard"],
                        ":seen": row["last_activity_at"],
                        **values,
                    }
                ),
                ReturnValues="UPDATED_NEW",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None
        return int(from_item(answer["Attributes"])["query_count"])

    def resolve(self, order_id: str) -> bool:
        """Record that the order is confirmed, so that it is not queried again.

        Return True if the reservation was unresolved before.
        """
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"order_id": order_id}),
                UpdateExpression="REMOVE unresolved_shard, last_activity_at",
                ConditionExpression="attribute_exists(unresolved_shard) AND #state = :reserved",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item({":reserved": ReservationState.RESERVED}),
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
    """Apply an order's status to its reservation; return the outcome.

    An undone order's reservation is released: the outcome is its final state. A confirmed order's
    reservation is resolved: the outcome is RESOLVED the first time. The saga of an order in
    progress decides itself: the outcome is UNCHANGED. Raises what ``Reservations.release`` raises.
    """
    if order.is_undone:
        return reservations.release(order.order_id, now=now).state
    if order.is_confirmed and unresolved.resolve(order.order_id):
        return RESOLVED
    return UNCHANGED


class StaleReservationPoller:
    """Queries orders whose reservations had no activity for longer than ``stale_after``."""

    def __init__(
        self, unresolved: UnresolvedReservations, bus: Bus, *, stale_after: timedelta
    ) -> None:
        self._unresolved = unresolved
        self._bus = bus
        self._stale_after = stale_after

    def find_stale(self, *, now: datetime) -> list[str]:
        """Return the ids of the orders that a run would query."""
        pages = self._unresolved.stale_pages(before=self._cutoff(now))
        return [row["order_id"] for page in pages for row in page]

    def query_stale(self, *, now: datetime) -> QueryOutcome:
        """Query the stale reservations of one page of each shard; see ``publish_queries``."""
        pages = self._unresolved.stale_pages(before=self._cutoff(now))
        return publish_queries(
            (
                [query for row in page if (query := self._claim_query(row, format_time(now)))]
                for page in pages
            ),
            self._bus,
        )

    def _cutoff(self, now: datetime) -> str:
        return format_time(now - self._stale_after)

    def _claim_query(
        self, row: dict[str, Any], now: str
    ) -> EventEnvelope[ReservationUnresolved] | None:
        number = self._unresolved.claim(row, now=now)
        return (
            None
            if number is None
            else reservation_unresolved(row["order_id"], query_number=number, now=now)
        )
