"""Units that an order holds leave once, and are nobody's afterwards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.inventory.store import NothingToShipError, StockMismatchError
from lambdas.runtime.dynamodb import to_item
from tests.contracts.catalog import read, sample_of
from tests.support.inventory_tables import LATER, Inventory


def test_shipped_units_are_neither_available_nor_reserved(inventory: Inventory):
    inventory.receive("d1", {"A": 5, "B": 1})
    inventory.reserve("o1", {"A": 3, "B": 1})
    inventory.reserve("o2", {"A": 1})

    for _ in range(2):
        shipped = inventory.ship("o1")
        assert (shipped.state, shipped.changed_at) == ("SHIPPED", LATER)

    assert inventory.stock() == {"A": (1, 1), "B": (0, 0)}
    assert inventory.release("o1").state == "SHIPPED"
    assert inventory.reserve("o1", {"A": 1}).state == "SHIPPED"
    assert inventory.stock() == {"A": (1, 1), "B": (0, 0)}


@pytest.mark.parametrize("before", ["nothing", "refused", "released"])
def test_shipment_without_reservation_raises_nothing_to_ship(inventory: Inventory, before: str):
    inventory.receive("d1", {"A": 5})
    if before != "nothing":
        inventory.reserve("o1", {"A": 5 if before == "released" else 6})
    if before == "released":
        inventory.release("o1")

    with pytest.raises(NothingToShipError, match="o1"):
        inventory.ship("o1")

    assert inventory.stock() == {"A": (5, 0)}


def test_contradicting_tables_are_left_alone(inventory: Inventory, dynamodb: Any):
    inventory.receive("d1", {"A": 5})
    inventory.reserve("o1", {"A": 3})
    dynamodb.update_item(
        TableName=inventory.stock_table,
        Key=to_item({"sku": "A"}),
        UpdateExpression="SET reserved = :two",
        ExpressionAttributeValues=to_item({":two": 2}),
    )

    with pytest.raises(StockMismatchError):
        inventory.ship("o1")

    assert inventory.reservations()["o1"]["state"] == "RESERVED"


def test_concurrent_release_and_shipment_have_one_winner(inventory: Inventory):
    inventory.receive("d1", {"A": 100})
    for i in range(20):
        order = f"o{i}"
        before = inventory.stock()["A"][0]
        inventory.reserve(order, {"A": 1})
        with ThreadPoolExecutor(2) as pool:
            shipping, releasing = (
                pool.submit(inventory.ship, order),
                pool.submit(inventory.release, order),
            )
        state = inventory.reservations()[order]["state"]
        assert releasing.result().state == state
        assert (shipping.exception() is None) == (state == "SHIPPED")
        assert inventory.stock()["A"] == (before - (state == "SHIPPED"), 0)


def test_handler_ships_dispatched_lines(load_handler: Callable[..., Any], inventory: Inventory):
    handler = load_handler(
        "lambdas.inventory.ship_stock",
        STOCK_TABLE=inventory.stock_table,
        RESERVATIONS_TABLE=inventory.reservations_table,
    )
    event = read(sample_of(ShipmentDispatched))
    order_id = event["detail"]["data"]["order_id"]
    inventory.receive("d1", {"A": 2})
    inventory.reserve(order_id, {"A": 2})

    for _ in range(2):
        assert handler(event, None) == {"order_id": order_id, "state": "SHIPPED"}

    assert inventory.stock() == {"A": (0, 0)}
    (reservation,) = inventory.reservations().values()
    assert reservation["changed_at"] == event["detail"]["metadata"]["occurred_at"]
