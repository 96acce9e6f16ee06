"""The inventory's tables, and the transactions that keep stock and reservations in step.

A row of stock is a ``StockLevel``; units on hand are available + reserved. One transaction moves
units and writes the row that says why: the reservation or the delivery. That row is the guard too:
a repeated request finds it and moves nothing. A row of stock is also the outbox of its events:
each transaction increments its ``sequence``. When its row is busy, only the reservation is written,
as pending, and ``batch_store.py`` moves the units. A reservation that holds units begins as
unresolved; see ``unresolved_reservations.py``.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.contracts.codec import encode, read_row
from lambdas.contracts.inventory import ReservationState
from lambdas.contracts.values import Line
from lambdas.inventory.busy_skus import BusySkus
from lambdas.inventory.domain import (
    Reservation,
    StockBusyError,
    StockLevel,
    index_shard,
    out_of_stock_message,
)
from lambdas.inventory.writes import RETRY, movement, state_update, transact_lines
from lambdas.runtime.dynamodb import from_item, put_if_absent, refused_row, to_item
from lambdas.runtime.retry import RetryPolicy
from lambdas.runtime.transactions import CONDITION_FAILED, busy_items, is_transient

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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``table`` and ``stock_table`` are names, ``dynamodb`` is boto3's client.

        ``clock`` returns seconds. It decides for how long a SKU counts as busy.
        """
        self._table = table
        self._stock = stock_table
        self._dynamodb = dynamodb
        self._retry = retry
        self._busy = BusySkus(clock)

    def reserve(self, order_id: str, lines: tuple[Line, ...], *, now: str) -> Reservation:
        """Reserve all the lines or none, and return the order's reservation.

        An existing reservation is returned as it is. A refusal is stored as a reservation too, so
        a repeated request is refused again even if stock has arrived. When a SKU is busy, the
        reservation waits for a batch. ``lines`` have each SKU once.

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
        in_index = {"unresolved_shard": index_shard(order_id), "last_activity_at": now}
        guard = {
            "Put": {
                "TableName": self._table,
                "Item": to_item(encode(reservation) | in_index),
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
        try:
            failures = self._transact([guard, *movements], lines)
        except StockBusyError:
            waiting = replace(reservation, state=ReservationState.WAITING)
            return self._put_if_absent(waiting, in_index)
        if failures is None:
            return reservation
        existing, *stock = failures
        if existing["Code"] == CONDITION_FAILED:
            return parse_reservation(from_item(existing["Item"]))
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
        """Make an order's units available again, and return its reservation.

        Without a reservation this writes a tombstone, so that a late request to reserve finds it. A
        refused or shipped reservation holds no units and stays as it is. The state that is returned
        is final, except RELEASING: if a SKU is busy, a batch makes the units available later.

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
            pending=ReservationState.RELEASING,
            target="available",
            cause_type="ReleaseStock",
            now=now,
        )

    def ship(self, order_id: str, *, now: str) -> Reservation:
        """Remove the units that an order holds from the stock, once, and return its reservation.

        When a SKU is busy, it is SHIPPING: a batch takes the units.

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
        found = parse_reservation(from_item(answer["Item"]))
        closed = self._close(
            found,
            state=ReservationState.SHIPPED,
            pending=ReservationState.SHIPPING,
            target=None,
            cause_type="ShipmentDispatched",
            now=now,
        )
        if closed.state not in (ReservationState.SHIPPING, ReservationState.SHIPPED):
            raise NothingToShipError(f"the reservation of order {order_id} is {closed.state}")
        return closed

    def _close(
        self,
        found: Reservation,
        *,
        state: ReservationState,
        pending: ReservationState,
        target: str | None,
        cause_type: str,
        now: str,
    ) -> Reservation:
        """Move the reservation's units to the column ``target``, and set its state to ``state``.

        When a SKU is busy, its state becomes ``pending`` instead. A WAITING reservation holds no
        units, so its release moves none.
        """
        if found.state == ReservationState.WAITING and state == ReservationState.RELEASED:
            found = self._replace(found, replace(found, state=state, changed_at=now))
        if found.state != ReservationState.RESERVED:
            return found
        final = replace(found, state=state, changed_at=now)
        guard = {"Update": state_update(self._table, found, final)}
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
        try:
            failures = self._transact([guard, *movements], found.lines)
        except StockBusyError:
            return self._replace(found, replace(final, state=pending))
        if failures is None:
            return final
        if failures[0]["Code"] != CONDITION_FAILED:
            raise StockMismatchError(
                f"order {found.order_id} holds units that the stock does not reserve"
            )
        # Another request closed it first.
        return parse_reservation(from_item(failures[0]["Item"]))

    def _transact(self, items: list[Any], lines: Sequence[Line]) -> list[Any] | None:
        """Write the reservation (first item) and move its lines (the others); see ``transact``.

        Raises:
            StockBusyError: a SKU is busy; nothing was written.
            UnreadableRowError: a SKU's row was edited; nothing was written.
        """
        if self._busy.has_any(line.sku for line in lines):
            raise StockBusyError
        try:
            return transact_lines(self._dynamodb, items, lines, self._retry)
        except ClientError as error:
            if not is_transient(error):
                raise
            self._busy.note(lines[at - 1].sku for at in busy_items(error) if at)
            raise StockBusyError from error

    def _replace(self, old: Reservation, new: Reservation) -> Reservation:
        """Change only a reservation's state; return the reservation as it is then.

        If another request has changed the state first, that change stays.
        """
        try:
            self._retry.call(
                lambda: self._dynamodb.update_item(**state_update(self._table, old, new)),
                is_transient=is_transient,
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as refusal:
            return parse_reservation(refused_row(refusal))
        return new

    def _put_if_absent(
        self, reservation: Reservation, in_index: Mapping[str, Any] | None = None
    ) -> Reservation:
        row = {**encode(reservation), **(in_index or {})}
        kept = self._retry.call(
            lambda: put_if_absent(self._dynamodb, self._table, row, key="order_id"),
            is_transient=is_transient,
        )
        return parse_reservation(kept)


def parse_stock_row(row: Mapping[str, Any]) -> StockLevel:
    """Return the stock level in a row of the stock table; raise UnreadableRowError if none is."""
    return read_row(StockLevel, row, "sku")


def parse_reservation(row: Mapping[str, Any]) -> Reservation:
    """Return the reservation in a row of its table; raise UnreadableRowError if none is."""
    return read_row(Reservation, row, "order_id")
