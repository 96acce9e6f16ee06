"""The inventory's tables, and the transactions that keep stock and reservations in step.

A row of stock is a ``StockLevel``; units on hand are available + reserved. One transaction moves
units and writes the row that says why: the reservation or the delivery. That row is the guard too:
a repeated request finds it and moves nothing. A row of stock is also the outbox of its events:
each transaction increments its ``sequence``. A reservation that holds units begins as unresolved;
see ``unresolved_reservations.py``.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambdas.contracts.codec import decode, encode
from lambdas.contracts.values import Line
from lambdas.inventory.domain import (
    Delivery,
    Reservation,
    ReservationState,
    StockLevel,
    index_shard,
    out_of_stock_message,
)
from lambdas.inventory.transactions import (
    CONDITION_FAILED,
    RETRY,
    is_transient,
    movement,
    transact,
)
from lambdas.runtime.dynamodb import from_item, put_if_absent, to_item
from lambdas.runtime.retry import RetryPolicy

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class StockMismatchError(Exception):
    """A reservation holds more units than its SKU's row has reserved: the tables were edited."""


class NothingToShipError(Exception):
    """A shipment was dispatched for an order that holds no units.

    An operator has to find out why.
    """


class Reservations:
    """The table of reservations, keyed by ``order_id``, and the stock that they hold."""

    def __init__(
        self,
        table: str,
        *,
        stock_table: str,
        dynamodb: "DynamoDBClient",
        retry: RetryPolicy = RETRY,
    ) -> None:
        """``table`` and ``stock_table`` are names, ``dynamodb`` is boto3's client."""
        self._table = table
        self._stock = stock_table
        self._dynamodb = dynamodb
        self._retry = retry

    def reserve(self, order_id: str, lines: tuple[Line, ...], *, now: str) -> Reservation:
        """Reserve all the lines or none, and return the order's reservation.

        An existing reservation is returned as it is. A refusal is stored as a reservation too, so a
        repeated request is refused again even if stock has arrived. ``lines`` have each SKU once.

        Raises:
            ClientError: it is not known whether the transaction was written; try again.
        """
        reservation = Reservation(
            order_id=order_id,
            state=ReservationState.RESERVED,
            lines=lines,
            created_at=now,
            changed_at=now,
        )
        guard = {
            "Put": {
                "TableName": self._table,
                "Item": to_item(
                    encode(reservation)
                    | {"unresolved_shard": index_shard(order_id), "last_activity_at": now}
                ),
                "ConditionExpression": "attribute_not_exists(order_id)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        movements = [
            movement(
                self._stock,
                line,
                source="available",
                target="reserved",
                cause=f"ReserveStock/{order_id}",
                now=now,
            )
            for line in lines
        ]
        failures = transact(self._dynamodb, [guard, *movements], self._retry)
        if failures is None:
            return reservation
        existing, *stock = failures
        if existing["Code"] == CONDITION_FAILED:
            return decode(Reservation, from_item(existing["Item"]))
        lacking = [
            line.sku
            for line, reason in zip(lines, stock, strict=True)
            if reason["Code"] == CONDITION_FAILED
        ]
        return self._put_if_absent(
            replace(
                reservation,
                state=ReservationState.REFUSED,
                explanation=out_of_stock_message(lacking),
            )
        )

    def release(self, order_id: str, *, now: str) -> Reservation:
        """Make an order's units available again, and return its reservation, which is then final.

        Without a reservation this writes a tombstone, so that a late request to reserve finds it. A
        refused or shipped reservation holds no units and stays as it is.

        Raises:
            StockMismatchError: the tables contradict each other; nothing was written.
            ClientError: it is not known whether the transaction was written; try again.
        """
        found = self._put_if_absent(
            Reservation(
                order_id=order_id,
                state=ReservationState.RELEASED,
                lines=(),
                created_at=now,
                changed_at=now,
            )
        )
        return self._close(
            found,
            state=ReservationState.RELEASED,
            target="available",
            cause_type="ReleaseStock",
            now=now,
        )

    def ship(self, order_id: str, *, now: str) -> Reservation:
        """Remove the units that an order holds from the stock, once, and return its reservation.

        Raises:
            NothingToShipError: the order holds no units and has shipped none.
            StockMismatchError: the tables contradict each other; nothing was written.
            ClientError: it is not known whether the transaction was written; try again.
        """
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item({"order_id": order_id}), ConsistentRead=True
        )
        if "Item" not in answer:
            raise NothingToShipError(f"order {order_id} has no reservation")
        found = decode(Reservation, from_item(answer["Item"]))
        closed = self._close(
            found,
            state=ReservationState.SHIPPED,
            target=None,
            cause_type="ShipmentDispatched",
            now=now,
        )
        if closed.state != ReservationState.SHIPPED:
            raise NothingToShipError(f"the reservation of order {order_id} is {closed.state}")
        return closed

    def _close(
        self,
        found: Reservation,
        *,
        state: ReservationState,
        target: str | None,
        cause_type: str,
        now: str,
    ) -> Reservation:
        """Move the reservation's units to the column ``target``, and set its state to ``state``."""
        if found.state != ReservationState.RESERVED:
            return found
        guard = {
            "Update": {
                "TableName": self._table,
                "Key": to_item({"order_id": found.order_id}),
                "UpdateExpression": "SET #state = :closed, changed_at = :now "
                "REMOVE unresolved_shard, last_activity_at",
                "ConditionExpression": "#state = :reserved",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": to_item(
                    {":closed": state, ":reserved": ReservationState.RESERVED, ":now": now}
                ),
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        movements = [
            movement(
                self._stock,
                line,
                source="reserved",
                target=target,
                cause=f"{cause_type}/{found.order_id}",
                now=now,
            )
            for line in found.lines
        ]
        failures = transact(self._dynamodb, [guard, *movements], self._retry)
        if failures is None:
            return replace(found, state=state, changed_at=now)
        if failures[0]["Code"] != CONDITION_FAILED:
            raise StockMismatchError(
                f"order {found.order_id} holds units that the stock does not reserve"
            )
        # Another request closed it first.
        return decode(Reservation, from_item(failures[0]["Item"]))

    def _put_if_absent(self, reservation: Reservation) -> Reservation:
        row = encode(reservation)
        kept = self._retry.call(
            lambda: put_if_absent(self._dynamodb, self._table, row, key="order_id"),
            is_transient=is_transient,
        )
        return decode(Reservation, kept)


class Deliveries:
    """The table of deliveries, keyed by ``delivery_id``, and the stock that they add to."""

    def __init__(
        self,
        table: str,
        *,
        stock_table: str,
        dynamodb: "DynamoDBClient",
        retry: RetryPolicy = RETRY,
    ) -> None:
        """``table`` and ``stock_table`` are names, ``dynamodb`` is boto3's client."""
        self._table = table
        self._stock = stock_table
        self._dynamodb = dynamodb
        self._retry = retry

    def receive(self, delivery: Delivery) -> None:
        """Add the delivery's lines to the stock, once; a new SKU gets a row.

        ``delivery.lines`` have each SKU once.

        Raises:
            ClientError: it is not known whether the transaction was written; try again.
        """
        guard = {
            "Put": {
                "TableName": self._table,
                "Item": to_item(encode(delivery)),
                "ConditionExpression": "attribute_not_exists(delivery_id)",
            }
        }
        movements = [
            movement(
                self._stock,
                line,
                source=None,
                target="available",
                cause=f"ReceiveStock/{delivery.delivery_id}",
                now=delivery.received_at,
            )
            for line in delivery.lines
        ]
        # Only the guard has a condition. If it fails, the delivery was received before.
        transact(self._dynamodb, [guard, *movements], self._retry)


def parse_stock_row(row: Mapping[str, Any]) -> StockLevel:
    """Return the stock level in a row of the stock table; raise ContractError if it has none."""
    return decode(StockLevel, row)
