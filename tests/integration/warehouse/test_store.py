from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError, encode
from lambdas.contracts.values import Line
from lambdas.runtime.dynamodb import from_item, to_item
from tests.support.spy import Spy
from workers.warehouse.domain import Picking, StockLevel
from workers.warehouse.store import Warehouse

PICKING = Picking(
    order_id="o1",
    lines=(Line(sku="A", quantity=2),),
    correlation_id="o1",
    cause="confirmed",
    picked_at="2026-01-01T00:00:00+00:00",
)


class WarehouseHarness:
    """A warehouse with tables of its own."""

    def __init__(self, dynamodb: Any, make_table: Callable[[str, str], str]) -> None:
        self.dynamodb = dynamodb
        self.stock, self.pickings = make_table("stock", "sku"), make_table("pickings", "order_id")
        self.requests: list[str] = []
        self.warehouse = Warehouse(
            stock_table=self.stock,
            pickings_table=self.pickings,
            dynamodb=Spy(dynamodb, self.requests.append),
        )

    def rows(self, table: str) -> list[dict[str, Any]]:
        items = self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        return [from_item(item) for item in items]


@pytest.fixture
def harness(dynamodb: Any, make_table: Callable[[str, str], str]) -> WarehouseHarness:
    return WarehouseHarness(dynamodb, make_table)


def test_order_is_picked_once(harness: WarehouseHarness):
    assert harness.warehouse.put_picking(PICKING) == PICKING
    later = replace(PICKING, picked_at="2027-01-01T00:00:00+00:00", cause="another")
    assert harness.warehouse.put_picking(later) == PICKING

    (row,) = harness.rows(harness.pickings)
    assert row["picked_at"] == PICKING.picked_at
    assert harness.requests == ["put_item"] * 2


def test_edited_time_is_refused_as_poison(harness: WarehouseHarness):
    """No consumer would take the event, and the message would come again ten times."""
    row = to_item(encode(PICKING) | {"picked_at": "noon"})
    harness.dynamodb.put_item(TableName=harness.pickings, Item=row)

    with pytest.raises(ContractError, match="picked_at must be a time"):
        harness.warehouse.put_picking(PICKING)


def test_workers_that_compete_pick_it_once(harness: WarehouseHarness):
    with ThreadPoolExecutor(16) as pool:
        kept = list(
            pool.map(
                lambda i: harness.warehouse.put_picking(replace(PICKING, cause=str(i))),
                range(16),
            )
        )

    assert len(set(kept)) == 1


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_latest_stock_is_kept_for_every_order_of_events(
    harness: WarehouseHarness, order: tuple[int, ...]
):
    for sequence in (*order, *order):
        harness.warehouse.put_stock_level(
            StockLevel(sku="A", available=10 * sequence, reserved=0, minimum=5, sequence=sequence)
        )

    (row,) = harness.rows(harness.stock)
    assert (row["available"], row["sequence"]) == (30, 3)


def test_row_whose_sequence_was_edited_is_replaced(harness: WarehouseHarness):
    edited = {"sku": {"S": "A"}, "sequence": {"S": "nine"}}
    harness.dynamodb.put_item(TableName=harness.stock, Item=edited)

    harness.warehouse.put_stock_level(
        StockLevel(sku="A", available=1, reserved=0, minimum=5, sequence=1)
    )

    assert [row["sequence"] for row in harness.rows(harness.stock)] == [1]


def test_put_returns_whether_the_stock_was_newer(harness: WarehouseHarness):
    stock_level = StockLevel(sku="A", available=1, reserved=0, minimum=5, sequence=1)

    assert harness.warehouse.put_stock_level(stock_level) is True
    assert harness.warehouse.put_stock_level(stock_level) is False
