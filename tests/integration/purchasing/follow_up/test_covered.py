"""Stock that swings around a threshold is ordered once, and never forgotten."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

import pytest

from lambdas.contracts.inventory import StockSoldOut
from lambdas.contracts.times import format_time
from lambdas.inventory.domain import StockLevel, event_for_change
from lambdas.purchasing.domain import LOW_STOCK_EVENTS, plan_purchase_order
from lambdas.purchasing.store import PurchaseOrders
from lambdas.purchasing.supplier import Confirmed, SupplierError
from lambdas.runtime.dynamodb import to_item
from tests.support.purchasing import DUE, NOW, START, Deliverer, Inventory, Rows, deliver, low
from tests.support.spy import Spy

LEAD_TIME = 3
"""How many runs later the supplier of a swinging SKU delivers."""


def states(rows: Rows) -> list[str]:
    return sorted(row["state"] for row in rows())


def raise_for(orders: PurchaseOrders, *sequences: int, **event: Any) -> None:
    for sequence in sequences:
        now = START - timedelta(seconds=100 - sequence)
        orders.put_once(plan_purchase_order(low("A", sequence, **event), now=now))


def test_swinging_stock_is_ordered_once_until_the_delivery(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows
):
    """Orders that are placed and cancelled cost their customer nothing."""
    raise_for(orders, *range(2, 12))
    supplier = Deliverer(Confirmed(DUE))

    deliver(orders, inventory, supplier=supplier)

    assert len(supplier.sent) == 1
    assert states(rows) == ["COVERED"] * 9 + ["OPEN"]
    deliver(orders, inventory, now=DUE, supplier=supplier)
    raise_for(orders, 20)
    deliver(orders, inventory, now=DUE, supplier=supplier)
    assert states(rows) == ["COVERED"] * 9 + ["DELIVERED"] * 2
    assert inventory.units == {"A": 10}


def test_each_threshold_is_ordered_for(orders: PurchaseOrders, inventory: Inventory, rows: Rows):
    """An order of an older release, which says none, covers no other and is covered by none."""
    raise_for(orders, 2, 5)
    raise_for(orders, 3, 7, kind=StockSoldOut)
    for sequence in (8, 9):
        order = plan_purchase_order(low("A", sequence), now=START)
        orders.put_once(replace(order, threshold=""))

    deliver(orders, inventory, supplier=Deliverer(*[Confirmed(DUE)] * 4))

    assert states(rows) == ["COVERED"] * 2 + ["OPEN"] * 4


def test_order_that_the_supplier_may_have_covers_others(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows
):
    raise_for(orders, 2, 4)
    with pytest.raises(Exception, match="it hangs"):
        deliver(orders, inventory, supplier=Deliverer(SupplierError("it hangs")))

    assert states(rows) == ["COVERED", "OPEN"]


def test_smaller_order_does_not_cover_a_raised_minimum(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows
):
    """Nor does the larger one cover the smaller one, which the supplier has already."""
    raise_for(orders, 2, minimum=5)
    raise_for(orders, 4, minimum=50)

    deliver(orders, inventory, supplier=Deliverer(Confirmed(DUE), Confirmed("2027")))

    assert states(rows) == ["OPEN"] * 2
    deliver(orders, inventory, now=DUE)
    assert inventory.units == {"A": 5}


def test_order_whose_goods_were_received_covers_none(
    table: str, dynamodb: Any, inventory: Inventory, rows: Rows
):
    """The run died before it closed the order; the stock has fallen below its minimum again."""
    orders = PurchaseOrders(table, dynamodb=dynamodb)
    raise_for(orders, 2)
    writes: list[str] = []

    def fall(operation: str) -> None:
        writes.extend([operation] if operation == "update_item" else [])
        if len(writes) == 4:
            raise SystemExit

    with pytest.raises(SystemExit):
        deliver(PurchaseOrders(table, dynamodb=Spy(dynamodb, fall)), inventory)
    assert inventory.units == {"A": 5}
    (again,) = (plan_purchase_order(low("A", 4), now=START - timedelta(days=1)),)
    orders.put_once(again)

    supplier = Deliverer(Confirmed(DUE))
    deliver(orders, inventory, supplier=supplier)

    assert states(rows) == ["DELIVERED", "OPEN"]
    deliver(orders, inventory, now=DUE, supplier=supplier)
    assert inventory.units == {"A": 10}


@pytest.mark.parametrize("request_number", range(12))
def test_order_that_another_run_has_closed_as_covered_is_not_sent(
    table: str, dynamodb: Any, inventory: Inventory, rows: Rows, request_number: int
):
    """The other run begins and ends at any request of the first, as runs may overlap."""
    orders, requests = PurchaseOrders(table, dynamodb=dynamodb), count()
    raise_for(orders, 2)
    deliver(orders, inventory, supplier=Deliverer(Confirmed(DUE)))
    raise_for(orders, 4)
    supplier = Deliverer()

    def overtake(_: str) -> None:
        if next(requests) == request_number:
            deliver(orders, inventory, now=DUE, supplier=supplier)

    overtaken = PurchaseOrders(table, dynamodb=Spy(dynamodb, overtake))
    deliver(overtaken, inventory, now=DUE, supplier=supplier)

    assert states(rows) == ["COVERED", "DELIVERED"]
    assert len({order.purchase_order_id for order in supplier.sent}) == 1


@pytest.mark.parametrize("damage", [{"quantity": "five"}, None], ids=["unreadable", "gone"])
def test_order_that_is_unreadable_or_gone_covers_none(
    orders: PurchaseOrders, inventory: Inventory, rows: Rows, dynamodb: Any, table: str, damage: Any
):
    raise_for(orders, 2)
    deliver(orders, inventory, supplier=Deliverer(Confirmed(DUE)))
    (row,) = rows()
    if damage:
        dynamodb.put_item(TableName=table, Item=to_item(row | damage))
    else:
        key = {"purchase_order_id": {"S": row["purchase_order_id"]}}
        dynamodb.delete_item(TableName=table, Key=key)

    raise_for(orders, 4)

    assert deliver(orders, inventory) == 1


@pytest.mark.parametrize("sent", ["", "x" * 3_000, 7, None, ["po"]], ids=repr)
def test_claim_that_somebody_edited_stops_no_order(
    orders: PurchaseOrders, inventory: Inventory, dynamodb: Any, table: str, sent: Any
):
    claim = {"purchase_order_id": f"{LOW_STOCK_EVENTS[0].__name__}/A", "sent": sent}
    dynamodb.put_item(TableName=table, Item=to_item(claim))
    raise_for(orders, 2)

    assert deliver(orders, inventory) == 1


class Swinging:
    """A SKU, its purchase orders and its supplier, while orders of customers come and go."""

    minimum = 5

    def __init__(self, orders: PurchaseOrders, cut_off: PurchaseOrders) -> None:
        self.orders, self.cut_off, self.runs, self.sent = orders, cut_off, 0, dict[str, int]()
        self.inventory, self.counted = Inventory(), 0
        self.stock = StockLevel(
            sku="A", available=8, reserved=0, minimum=5, sequence=1, changed_at=NOW, cause="c/1"
        )

    def change(self, available: int, reserved: int) -> None:
        """Reserve, release, ship or receive units, if there are so many; raise what follows."""
        before = self.stock
        units = before.available + available, before.reserved + reserved
        if min(units) < 0:
            return
        self.stock = StockLevel(
            sku="A", available=units[0], reserved=units[1], minimum=self.minimum,
            sequence=before.sequence + 1, changed_at=NOW, cause="c/1",
        )  # fmt: skip
        event: Any = event_for_change(before, self.stock)
        if isinstance(event.data, LOW_STOCK_EVENTS):
            self.orders.put_once(plan_purchase_order(event, now=START + timedelta(days=self.runs)))

    def send(self, order: Any) -> Any:
        first = self.sent.setdefault(order.purchase_order_id, self.runs)
        if self.runs < first + LEAD_TIME:
            return Confirmed(format_time(START + timedelta(days=first + LEAD_TIME)))
        return Deliverer().send(order)

    def run(self, *, dies: bool) -> None:
        self.runs += 1
        now = format_time(START + timedelta(days=self.runs))
        with suppress(SystemExit):
            deliver(self.cut_off if dies else self.orders, self.inventory, now, self)  # type: ignore[arg-type]
        received = sum(self.inventory.units.values())
        if received > self.counted:
            units, self.counted = received - self.counted, received
            self.change(units, 0)


@pytest.mark.parametrize("seed", range(20))
def test_stock_below_its_minimum_has_an_order_under_way_and_never_many(
    table: str, dynamodb: Any, rows: Rows, seed: int
):
    orders, chance, left = PurchaseOrders(table, dynamodb=dynamodb), Random(seed), [0]

    def fall(operation: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise SystemExit

    sku = Swinging(orders, PurchaseOrders(table, dynamodb=Spy(dynamodb, fall)))
    for _ in range(60):
        number = chance.randint(1, 9)
        match chance.choice(["reserve", "reserve", "release", "release", "ship", "run", "dies"]):
            case "reserve":
                sku.change(-number, number)
            case "release":
                sku.change(number, -number)
            case "ship":
                sku.change(0, -number)
            case what:
                left[0] = number
                sku.run(dies=what == "dies")
                sent = [row for row in rows() if row["purchase_order_id"] in sku.sent]
                open_ones = [row for row in sent if "awaiting" in row]
                assert sum("receiving_at" not in row for row in open_ones) <= 2

    for _ in range(3 * LEAD_TIME):
        sku.run(dies=False)
    assert sku.stock.available >= sku.minimum
