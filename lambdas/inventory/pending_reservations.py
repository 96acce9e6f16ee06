"""The pending reservations in the records of their table's stream."""

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from lambdas.contracts.codec import ContractError
from lambdas.inventory.batch_store import ReservationBatches
from lambdas.inventory.domain import Reservation, StockBusyError
from lambdas.inventory.store import parse_reservation
from lambdas.runtime.batch import BatchOutcome
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import from_item
from lambdas.runtime.log import log_error
from lambdas.runtime.transactions import is_transient

Record = Mapping[str, Any]


class PendingReservations:
    """Moves the units of a batch's reservations, and dead-letters poison records."""

    def __init__(self, batches: ReservationBatches, dead_letters: DeadLetterQueue) -> None:
        """``dead_letters`` is a standard queue."""
        self._batches = batches
        self._dead_letters = dead_letters

    def process(self, records: Sequence[Record], *, now: str) -> BatchOutcome:
        """Process a batch of the stream's records.

        If the stock's rows are busy, all records are delivered again; by then, those that were
        moved are not pending any more. Records are dead-lettered last, so that each is in the queue
        once. Any other error is raised: the mapping then splits the batch until the record that
        causes it is alone.
        """
        poison: dict[str, str] = {}
        pending: list[Reservation] = []
        for record in records:
            try:
                reservation = parse_pending(record)
            except ContractError as error:
                poison[_number(record)] = str(error)
                continue
            if reservation is not None:
                pending.append(reservation)
        try:
            impossible = self._batches.move(pending, now=now)
        except (StockBusyError, ClientError) as error:
            if not isinstance(error, StockBusyError) and not is_transient(error):
                raise
            log_error("batch_failed", error=f"{type(error).__name__}: {error}")
            return BatchOutcome(processed=0, dead_lettered=0, failed=[_number(records[0])])
        for record in records:
            if problem := impossible.get(_order_id(record)):
                poison.setdefault(_number(record), problem)
            if reason := poison.get(_number(record)):
                self._dead_letters.send_record(record, reason=reason)
        return BatchOutcome(
            processed=len(records) - len(poison), dead_lettered=len(poison), failed=[]
        )


def parse_pending(record: Record) -> Reservation | None:
    """Return the reservation in a record's new row; None if it is not pending.

    Raises:
        ContractError: the row is no reservation.
    """
    reservation = parse_reservation(from_item(record["dynamodb"]["NewImage"]))
    return reservation if reservation.state.is_pending else None


def _number(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _order_id(record: Record) -> Any:
    return from_item(record["dynamodb"]["NewImage"]).get("order_id")
