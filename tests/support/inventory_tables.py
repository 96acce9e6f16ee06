"""An inventory of its own for each test, in the words of the trade."""

from collections.abc import Callable
from typing import Any

from lambdas.contracts.inventory import DeliveredLine
from lambdas.contracts.values import Line
from lambdas.inventory.domain import Delivery, Reservation
from lambdas.inventory.store import Deliveries, Reservations
from lambdas.inventory.transactions import RETRY
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.retry import RetryPolicy
from tests.support.doubles import ClientDouble

NOW, LATER = "2026-01-01T00:00:00+00:00", "2026-01-01T00:05:00+00:00"

Units = dict[str, int]


def lines(units: Units) -> tuple[Line, ...]:
    return tuple(Line(sku=sku, quantity=quantity) for sku, quantity in units.items())


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
        self._deliveries = Deliveries(
            self.deliveries_table, stock_table=self.stock_table, dynamodb=client, retry=retry
        )

    def reserve(self, order_id: str, units: Units, now: str = NOW) -> Reservation:
        return self.store.reserve(order_id, lines(units), now=now)

    def release(self, order_id: str, now: str = LATER) -> Reservation:
        return self.store.release(order_id, now=now)

    def ship(self, order_id: str, now: str = LATER) -> Reservation:
        return self.store.ship(order_id, now=now)

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

    def overwrite_stock(self, sku: str, *, available: int, reserved: int) -> None:
        """Write past the service."""
        row = {"sku": sku, "available": available, "reserved": reserved}
        self._dynamodb.put_item(TableName=self.stock_table, Item=to_item(row))
