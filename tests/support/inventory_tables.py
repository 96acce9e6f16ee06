"""An inventory of its own for each test, in the words of the trade."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lambdas.contracts.codec import decode, encode
from lambdas.contracts.inventory import DeliveredLine, ReservationState
from lambdas.contracts.values import Line
from lambdas.inventory.batch_store import BATCH_RETRY, ReservationBatches
from lambdas.inventory.deliveries import Deliveries
from lambdas.inventory.domain import Delivery, Reservation
from lambdas.inventory.store import Reservations
from lambdas.inventory.writes import RETRY
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.retry import RetryPolicy
from tests.support.doubles import ClientDouble

NOW, LATER = "2026-01-01T00:00:00+00:00", "2026-01-01T00:05:00+00:00"

Units = dict[str, int]


def lines(units: Units) -> tuple[Line, ...]:
    return tuple(Line(sku=sku, quantity=quantity) for sku, quantity in units.items())


def waiting_reservation(order_id: str, units: Units) -> dict[str, Any]:
    """The row of an order that found a SKU busy."""
    reservation = Reservation(
        order_id=order_id,
        state=ReservationState.WAITING,
        lines=lines(units),
        created_at=NOW,
        changed_at=NOW,
    )
    return encode(reservation)


class BusyStock(ClientDouble):
    """A client by which every transaction meets another one on all rows of the stock."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._client, operation)

    def transact_write_items(self, *, TransactItems: list[Any]) -> None:  # noqa: N803 -- boto3's
        busy = [{"Code": "TransactionConflict"}] * (len(TransactItems) - 1)
        raise self._client.exceptions.TransactionCanceledException(
            {
                "Error": {"Code": "TransactionCanceledException", "Message": "Cancelled"},
                "CancellationReasons": [{"Code": "None"}, *busy],
            },
            "TransactWriteItems",
        )


class Inventory(ClientDouble):
    """Empty tables; what is asked of them goes through the client given to ``use``."""

    def __init__(self, dynamodb: Any, make_table: Callable[..., str]) -> None:
        self._dynamodb = dynamodb
        self.stock_table = make_table("stock", "sku")
        self.reservations_table = make_table(
            "reservations", "order_id", index=("unresolved_shard", "last_activity_at")
        )
        self.deliveries_table = make_table("deliveries", "delivery_id")
        self.use(dynamodb)

    def use(self, client: Any, retry: RetryPolicy = RETRY) -> None:
        self.store = Reservations(
            self.reservations_table,
            stock_table=self.stock_table,
            dynamodb=client,
            retry=retry,
        )
        self._busy_store = Reservations(
            self.reservations_table,
            stock_table=self.stock_table,
            dynamodb=BusyStock(client),
            retry=RetryPolicy(max_attempts=1),
        )
        self._batches = ReservationBatches(
            self.reservations_table,
            stock_table=self.stock_table,
            dynamodb=client,
            retry=replace(BATCH_RETRY, sleep=lambda _: None),
        )
        self._deliveries = Deliveries(
            self.deliveries_table, stock_table=self.stock_table, dynamodb=client, retry=retry
        )

    def reserve(
        self, order_id: str, units: Units, now: str = NOW, *, busy: bool = False
    ) -> Reservation:
        return self._reservations(busy).reserve(order_id, lines(units), now=now)

    def release(self, order_id: str, now: str = LATER, *, busy: bool = False) -> Reservation:
        return self._reservations(busy).release(order_id, now=now)

    def ship(self, order_id: str, now: str = LATER, *, busy: bool = False) -> Reservation:
        return self._reservations(busy).ship(order_id, now=now)

    def _reservations(self, busy: bool) -> Reservations:
        return self._busy_store if busy else self.store

    def move(self, *order_ids: str, now: str = LATER) -> list[str]:
        """Move the units of these pending reservations, or of all; return whose cannot be moved."""
        return list(self._batches.move(self.pending(*order_ids), now=now))

    def pending(self, *order_ids: str) -> list[Reservation]:
        rows = self.reservations()
        found = [decode(Reservation, rows[order_id]) for order_id in order_ids or sorted(rows)]
        return [reservation for reservation in found if reservation.state.is_pending]

    def move_stale(self, pending: list[Reservation], now: str = LATER) -> list[str]:
        """Move units as a record of the stream says, which may be old or come again."""
        return list(self._batches.move(pending, now=now))

    def receive(
        self, delivery_id: str, units: Units, now: str = NOW, minimum: int | None = None
    ) -> None:
        delivered = tuple(
            DeliveredLine(sku=line.sku, quantity=line.quantity, minimum=minimum)
            for line in lines(units)
        )
        self._deliveries.receive(
            Delivery(delivery_id=delivery_id, lines=delivered, received_at=now)
        )

    def stock(self) -> dict[str, tuple[int, int]]:
        """Available and reserved units of each SKU."""
        return {
            row["sku"]: (row["available"], row["reserved"]) for row in self.rows(self.stock_table)
        }

    def reservations(self) -> dict[str, dict[str, Any]]:
        return {row["order_id"]: row for row in self.rows(self.reservations_table)}

    def rows(self, table: str) -> list[dict[str, Any]]:
        answer = self._dynamodb.scan(TableName=table, ConsistentRead=True)
        return [from_item(item) for item in answer["Items"]]

    def overwrite_stock(self, sku: str, *, available: Any, reserved: Any) -> None:
        """Write past the service."""
        row = {"sku": sku, "available": available, "reserved": reserved}
        self._dynamodb.put_item(TableName=self.stock_table, Item=to_item(row))
