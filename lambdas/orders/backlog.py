"""The counts that the job of stalled orders writes, in the table of checkpoints.

``place_order`` reads the number of open orders; the job's next run reads how its last one went.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from lambdas.contracts.codec import decode, encode
from lambdas.contracts.times import format_time
from lambdas.orders.admission import Backlog
from lambdas.orders.resumption import Resumption
from lambdas.runtime.dynamodb import from_item, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

KEY = {"job": "count_open_orders"}


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
        """Return the last recorded count, None if there is none.

        The read is eventually consistent.
        """
        answer = self._dynamodb.get_item(TableName=self._table, Key=to_item(KEY))
        if "Item" not in answer:
            return None
        row = from_item(answer["Item"])
        counted_at = datetime.fromisoformat(row["counted_at"])
        return Backlog(orders=row["orders"], counted_at=counted_at)


class ResumptionStore:
    """What the last run resumed, and saw: a row for each of the runs that share the work."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the name of the table of checkpoints, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def write(self, run: int | None, last: Resumption) -> None:
        """Record what a run did; ``run`` is its number, None if it is the only one."""
        row = {**_key(run), **encode(last)}
        self._dynamodb.put_item(TableName=self._table, Item=to_item(row))

    def read(self, run: int | None) -> Resumption | None:
        """Return what the last run of this number did, None if there was none."""
        answer = self._dynamodb.get_item(TableName=self._table, Key=to_item(_key(run)))
        return decode(Resumption, from_item(answer["Item"])) if "Item" in answer else None


def _key(run: int | None) -> dict[str, str]:
    return {"job": "resume_orders" if run is None else f"resume_orders/{run}"}
