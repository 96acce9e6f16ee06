"""Moves the units of many pending reservations in one transaction; see ``batches.py``."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambdas.contracts.codec import UnreadableRowError, read_row
from lambdas.contracts.inventory import ReservationState
from lambdas.inventory.batches import (
    CAUSES,
    CLOSED,
    BatchPlan,
    SeenStock,
    StockChange,
    plan_batch,
    split_batches,
)
from lambdas.inventory.domain import Reservation, StockBusyError
from lambdas.inventory.writes import state_update, stock_update
from lambdas.runtime.dynamodb import batch_get
from lambdas.runtime.retry import RetryPolicy
from lambdas.runtime.transactions import CONDITION_FAILED, transact

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


BATCH_RETRY = RetryPolicy(max_attempts=6, base_delay=0.02)
"""Waits at most 0.62 s altogether, a fraction of the function's time-out."""
OVERDRAWN = "it holds more units than the stock reserves: the tables were edited"


class ReservationBatches:
    """The tables of reservations and of stock, with transactions of many reservations."""

    def __init__(
        self,
        table: str,
        *,
        stock_table: str,
        dynamodb: "DynamoDBClient",
        retry: RetryPolicy = BATCH_RETRY,
    ) -> None:
        """``table`` and ``stock_table`` are names, ``dynamodb`` is boto3's client."""
        self._table = table
        self._stock = stock_table
        self._dynamodb = dynamodb
        self._retry = retry

    def move(self, pending: Sequence[Reservation], *, now: str) -> dict[str, str]:
        """Decide the pending reservations, and move the units of each once.

        A reservation that is not pending any more is left as it is. Return the orders for whose
        reservations nothing was written because the tables were edited, each with the reason: it
        holds more units than the stock has reserved, or the row of a SKU cannot be read.

        Raises:
            StockBusyError: each attempt met concurrent changes of the same rows; try again.
            ClientError: it is not known whether anything was written; try again.
        """
        # If a reservation changed twice, only its last state counts.
        latest = {reservation.order_id: reservation for reservation in pending}
        impossible: dict[str, str] = {}
        for batch in split_batches(list(latest.values())):
            impossible |= self._move_batch(batch, now)
        return impossible

    def _move_batch(self, batch: Sequence[Reservation], now: str) -> dict[str, str]:
        """Plan a batch and write it; repeat this until the rows have not changed in between."""
        impossible: dict[str, str] = {}
        for _ in self._retry.attempts():
            stock, unreadable = self._read_stock(batch)
            impossible |= {
                each.order_id: unreadable[line.sku]
                for each in batch
                for line in each.lines
                if line.sku in unreadable
            }
            batch = [each for each in batch if each.order_id not in impossible]
            plan = plan_batch(batch, stock, now=now)
            overdrawn = [each.order_id for each in plan.overdrawn if self._is_overdrawn(each, now)]
            impossible |= dict.fromkeys(overdrawn, OVERDRAWN)
            batch = self._write(plan, now)
            if not batch:
                return impossible
        raise StockBusyError("the stock changes faster than batches of reservations are written")

    def _read_stock(
        self, batch: Iterable[Reservation]
    ) -> tuple[dict[str, SeenStock], dict[str, str]]:
        """Return the units of each SKU, and why the rows of some SKUs cannot be read."""
        skus = {line.sku for reservation in batch for line in reservation.lines}
        seen, unreadable = dict.fromkeys(skus, SeenStock()), dict[str, str]()
        keys = [{"sku": sku} for sku in sorted(skus)]
        for row in batch_get(self._dynamodb, self._stock, keys, consistent=True) if keys else ():
            try:
                seen[row["sku"]] = read_row(SeenStock, row, "sku")
            except UnreadableRowError as error:
                unreadable[row["sku"]] = str(error)
        return seen, unreadable

    def _write(self, plan: BatchPlan, now: str) -> list[Reservation]:
        """Write a plan; return the reservations that are still pending, to be planned again."""
        if not plan.pending:
            return []
        guards: list[Any] = [
            {"Update": state_update(self._table, old, new)}
            for old, new in zip(plan.pending, plan.decided, strict=True)
        ]
        changes = [self._change(sku, change, now) for sku, change in plan.changes.items()]
        failures = transact(self._dynamodb, [*guards, *changes], self._retry)
        if failures is None:
            return []
        return [
            reservation
            for reservation, failure in zip(plan.pending, failures, strict=False)
            if failure["Code"] != CONDITION_FAILED
        ]

    def _is_overdrawn(self, reservation: Reservation, now: str) -> bool:
        """Try to close one reservation; return whether the stock has too few reserved units for it.

        Perhaps it is not pending any more, and its units have been moved: then it is not overdrawn.
        """
        returned = reservation.state == ReservationState.RELEASING
        plan = BatchPlan(
            pending=[reservation],
            decided=[replace(reservation, state=CLOSED[reservation.state], changed_at=now)],
            changes={
                line.sku: StockChange(
                    available=line.quantity if returned else 0,
                    reserved=-line.quantity,
                    cause=f"{CAUSES[reservation.state]}/{reservation.order_id}",
                )
                for line in reservation.lines
            },
            overdrawn=[],
        )
        return bool(self._write(plan, now))

    def _change(self, sku: str, change: StockChange, now: str) -> dict[str, Any]:
        return stock_update(
            self._stock,
            sku,
            available=change.available,
            reserved=change.reserved,
            cause=change.cause,
            now=now,
            seen=change.seen,
        )
