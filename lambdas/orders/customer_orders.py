"""The table of customers' open orders, and the transaction that places an order.

A row has, by their ids, what a customer's orders count for. The order and its entry are written in
one transaction. An entry counts while its order's own row says that it has not ended: so the write
that ends an order gives back what it counted for, and no number can drift. Entries
of ended orders are dropped with the next write of the row, if it has many or is at a limit. The row
also counts the orders of the day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from lambdas.contracts.bounds import IntegerBounds
from lambdas.contracts.codec import ContractError, UnreadableRowError, decode, encode
from lambdas.contracts.customer_limits import CustomerLimits
from lambdas.contracts.order_states import TERMINAL_STATES
from lambdas.orders.admission import TooManyOpenOrdersError
from lambdas.orders.customer_limits import (
    CustomerLimitError,
    OpenOrder,
    check_day,
    check_limits,
    counted,
)
from lambdas.orders.domain import Order
from lambdas.orders.rows import row_of
from lambdas.orders.store import same_request
from lambdas.runtime.dynamodb import batch_get, from_item, to_item
from lambdas.runtime.retry import RetryPolicy
from lambdas.runtime.transactions import CONDITION_FAILED, cancellation_codes, is_transient

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


RETRY = RetryPolicy(max_attempts=8, base_delay=0.02)
"""Waits at most 2.6 s altogether, a fraction of the function's time-out."""
TIDY_FROM = 4
"""A row with so many entries is tidied: it stays below 1 KB, one write unit, for most customers."""
READ_AGAIN_AFTER = timedelta(seconds=5)
"""For how long a customer's further orders are judged by the open orders that were read then.

An order that is accepted ends this.
"""
MAX_REMEMBERED = 100
"""Of how many customers a process remembers what it read."""
KEPT = timedelta(days=400)
"""How long after a customer's last order DynamoDB deletes the row."""
MAX_CLOCK_DIFFERENCE = timedelta(seconds=10)
"""How far apart the clocks of functions are at most."""
MAX_BATCH = 100
Count = Annotated[int, IntegerBounds(minimum=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbers:
    """The columns of a customer's row that are not its key or its entries."""

    version: Count = 0
    still_open: Count = 0
    """How many entries were open when their orders were read last."""
    day: str = ""
    """The day (UTC) of the customer's last order."""
    placed: Count = 0
    """How many orders the customer placed on that day."""

    def placed_on(self, day: str) -> int:
        """Return how many orders the customer placed on a day, as ``day_of`` returns it."""
        return self.placed if self.day == day else 0

    def day_of(self, order: Order) -> str:
        """Return the day (UTC) that an order counts for.

        This is the row's if that begins within seconds: another function's clock is ahead, and has
        begun to count it.
        """
        placed_at = datetime.fromisoformat(order.placed_at)
        ahead = (placed_at + MAX_CLOCK_DIFFERENCE).date().isoformat()
        return ahead if self.day == ahead else placed_at.date().isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A customer's row; one that does not exist is empty."""

    numbers: _Numbers
    entries: Mapping[str, OpenOrder]
    """What the customer's orders count for, by their ids."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A customer's open orders as they were read, by the version of the customer's row."""

    version: int
    at: datetime
    entries: Mapping[str, OpenOrder]


class CustomerOrders:
    """The tables of orders and of customers' open orders."""

    def __init__(
        self, table: str, *, orders: str, limits: CustomerLimits, dynamodb: "DynamoDBClient"
    ) -> None:
        """``table`` and ``orders`` are the tables' names, ``dynamodb`` boto3's client."""
        self._table = table
        self._orders = orders
        self._limits = limits
        self._dynamodb = dynamodb
        self._read_before: dict[str, _Read] = {}

    def add(self, order: Order) -> Order:
        """Store a new order; return it, or the stored one if this is a retry.

        Raises:
            CustomerLimitError: the customer's orders are at a limit. Nothing was stored.
            KeyReusedError: the key was used for a different order, or for one that has expired.
            TooManyOpenOrdersError: other orders of the customer were placed during each attempt.
            UnreadableRowError: the customer's row, or that of the stored order, cannot be read.
        """
        for _ in RETRY.attempts():
            row = self._read(order.customer_id)
            entries, still_open = self._checked(row, order)
            entries |= {order.order_id: counted(order)}
            reasons = self._write(order, row, entries, still_open=still_open)
            if not reasons:
                return order
            if reasons[0]["Code"] == CONDITION_FAILED:
                return same_request(from_item(reasons[0]["Item"]), order)
        raise TooManyOpenOrdersError("other orders of yours are being placed: try again")

    def _checked(self, row: _Row, order: Order) -> tuple[dict[str, OpenOrder], int]:
        """Check the new order against the entries of others; return these.

        Also return how many were open when the orders were read last.
        """
        check_day(row.numbers.placed_on(row.numbers.day_of(order)), limits=self._limits)
        entries = _others(row.entries, order)
        still_open = row.numbers.still_open
        try:
            check_limits(counted(order), others=entries.values(), limits=self._limits)
        except CustomerLimitError:
            entries = _others(self._open_of(row, order), order)
            check_limits(counted(order), others=entries.values(), limits=self._limits)
            return entries, len(entries)
        if len(entries) >= max(TIDY_FROM, 2 * still_open):
            entries = _others(self._open_of(row, order), order)
            still_open = len(entries)
        return entries, still_open

    def _open_of(self, row: _Row, order: Order) -> Mapping[str, OpenOrder]:
        """Return the row's entries whose orders have not ended, one of ``order`` included.

        Requests that store nothing do not have them read each time: a customer could repeat them.
        """
        version, at = row.numbers.version, datetime.fromisoformat(order.placed_at)
        known = self._read_before.get(order.customer_id)
        if known and known.version == version and at - known.at < READ_AGAIN_AFTER:
            return known.entries
        found = self._open(row.entries)
        if len(self._read_before) >= MAX_REMEMBERED:
            self._read_before.clear()
        self._read_before[order.customer_id] = _Read(version, at, found)
        return found

    def _open(self, entries: Mapping[str, OpenOrder]) -> dict[str, OpenOrder]:
        """Return the entries whose orders have not ended."""
        keys = [{"order_id": id} for id in entries]
        rows = (
            row
            for at in range(0, len(entries), MAX_BATCH)
            for row in batch_get(
                self._dynamodb, self._orders, keys[at : at + MAX_BATCH], consistent=True
            )
        )
        # What stays of an order that has expired has no state.
        ids = [
            row["order_id"] for row in rows if row.get("state", "") not in ("", *TERMINAL_STATES)
        ]
        return {id: entries[id] for id in sorted(ids)}

    def _read(self, customer_id: str) -> _Row:
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item({"customer_id": customer_id}), ConsistentRead=True
        )
        return _parse_row(from_item(answer.get("Item", {})), customer_id)

    def _write(
        self,
        order: Order,
        before: _Row,
        entries: Mapping[str, OpenOrder],
        *,
        still_open: int,
    ) -> Sequence[Any]:
        """Write order and entries; return why neither was written, or nothing."""
        version, day = before.numbers.version, before.numbers.day_of(order)
        placed_at = datetime.fromisoformat(order.placed_at)
        row = {
            "customer_id": order.customer_id,
            "orders": {id: encode(entry) for id, entry in entries.items()},
            "still_open": still_open,
            "day": day,
            "placed": before.numbers.placed_on(day) + 1,
            "version": version + 1,
            "expires_at": int((placed_at + KEPT).timestamp()),
        }
        items: Any = [
            {
                "Put": {
                    "TableName": self._orders,
                    "Item": to_item(row_of(order)),
                    "ConditionExpression": "attribute_not_exists(order_id)",
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
            {
                "Put": {
                    "TableName": self._table,
                    "Item": to_item(row),
                    "ConditionExpression": "version = :version"
                    if version
                    else "attribute_not_exists(version) OR version = :version",
                    "ExpressionAttributeValues": to_item({":version": version}),
                }
            },
        ]
        try:
            self._dynamodb.transact_write_items(TransactItems=items)
        except self._dynamodb.exceptions.TransactionCanceledException as cancelled:
            if not is_transient(cancelled) and CONDITION_FAILED not in cancellation_codes(
                cancelled
            ):
                raise
            reasons: Sequence[Any] = cancelled.response["CancellationReasons"]
            return reasons
        return ()


def _others(entries: Mapping[str, OpenOrder], order: Order) -> dict[str, OpenOrder]:
    return {id: entry for id, entry in entries.items() if id != order.order_id}


def _parse_row(row: Mapping[str, Any], customer_id: str) -> _Row:
    contract, entries = f"row of customer {customer_id}", row.get("orders", {})
    if not isinstance(entries, dict):
        raise UnreadableRowError(contract, ["orders must be an object"])
    try:
        numbers = decode(_Numbers, row)
    except ContractError as error:
        raise UnreadableRowError(contract, error.problems) from None
    try:
        open_orders = {id: decode(OpenOrder, entry) for id, entry in entries.items()}
    except ContractError as error:
        raise UnreadableRowError(contract, [f"orders: {each}" for each in error.problems]) from None
    return _Row(numbers=numbers, entries=open_orders)
