"""The number of open orders, which the job of stalled orders writes and ``place_order`` reads."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lambdas.contracts.codec import ContractError, decode
from lambdas.contracts.times import format_time
from lambdas.contracts.values import Time
from lambdas.orders.admission import Backlog
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.log import log_error

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

KEY = {"job": "count_open_orders"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    """The row, without its key."""

    orders: int
    counted_at: Time


class BacklogStore:
    """The row of the backlog, in the table of checkpoints."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the name of the table of checkpoints, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def write(self, orders: int, *, now: datetime) -> None:
        """Record how many orders are open now."""
        row = {**KEY, "orders": orders, "counted_at": format_time(now)}
        self._dynamodb.put_item(TableName=self._table, Item=to_item(row))

    def read(self) -> Backlog | None:
        """Return the last recorded count; None if there is none, or if it cannot be read.

        The read is eventually consistent.
        """
        answer = self._dynamodb.get_item(TableName=self._table, Key=to_item(KEY))
        if "Item" not in answer:
            return None
        try:
            count = decode(_Count, from_item(answer["Item"]))
        except ContractError as error:
            log_error("backlog_unreadable", error=str(error))
            return None
        return Backlog(orders=count.orders, counted_at=datetime.fromisoformat(count.counted_at))
