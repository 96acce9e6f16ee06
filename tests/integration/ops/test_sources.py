"""What inventory has in stock, as a rebuild of availability reads it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from lambdas.inventory.store import parse_stock_row
from lambdas.runtime.dynamodb import to_item
from lambdas.storefront.store import AvailabilityView
from ops.deployed import Deployed
from ops.views.compare import PAGE, DynamoTable
from ops.views.rebuild import ProjectionWriter
from ops.views.registry import VIEWS
from ops.views.sources import RebuildContext, TableSource
from tests.integration.local_aws import session

NOW = datetime(2026, 12, 1, tzinfo=UTC)
VIEW = VIEWS["availability"]


def shelf(number: int, sequence: int = 1) -> dict[str, Any]:
    return {
        "sku": f"S{number}",
        "available": 10 * number + sequence,
        "reserved": 0,
        "minimum": 5,
        "sequence": sequence,
        "changed_at": NOW.isoformat(),
        "cause": "ReceiveStock/d",
    }


@dataclass
class World:
    """Inventory's table, the view's idle table, and the source that reads one into the other."""

    dynamodb: Any
    stock: str
    idle: str
    resource: Any
    batches: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.write = ProjectionWriter(VIEW, VIEW.projector(self.idle, self.dynamodb))
        self.source = TableSource(
            RebuildContext(
                deployed=cast(Deployed, self),
                name="",
                began=NOW,
                overlap=timedelta(0),
                idle=DynamoTable(self.resource.Table(self.idle), self.resource),
                write=self._write,
            ),
            service="Inventory",
            output="StockTable",
        )

    def _write(self, bodies: Any) -> None:
        self.batches.append(len(bodies))
        self.write(bodies)

    def client(self, _: str) -> Any:
        return self.dynamodb

    def outputs(self, stack: str) -> dict[str, str]:
        return {"Inventory": {"StockTable": self.stock}}[stack]

    def keep(self, *rows: dict[str, Any]) -> None:
        for row in rows:
            self.dynamodb.put_item(TableName=self.stock, Item=to_item(row))

    def shown(self, sku: str) -> Any:
        return AvailabilityView(self.idle, dynamodb=self.dynamodb).find(sku)


@pytest.fixture
def world(dynamodb: Any, endpoint: str, make_table: Callable[..., str]) -> World:
    stock, idle = make_table("stock", "sku"), make_table("availability", "sku")
    resource = session().resource("dynamodb", endpoint_url=endpoint)
    return World(dynamodb, stock, idle, resource)


def test_all_rows_are_read_page_by_page(world: World):
    count = PAGE + 7
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(world.keep, map(shelf, range(count))))

    said = list(world.source.backfill())

    assert said == [f"read: {PAGE} rows", f"read: {count} rows"]
    assert world.write.events == count
    assert [world.shown(f"S{n}").available for n in range(count)] == [
        parse_stock_row(shelf(n)).available for n in range(count)
    ]


def test_refresh_writes_changed_rows_only(world: World):
    world.keep(*map(shelf, range(20)))
    list(world.source.backfill())
    world.batches.clear()
    world.keep(shelf(7, 2), shelf(20))

    world.source.refresh()

    assert sum(world.batches) == 2
    assert (world.shown("S7").sequence, world.shown("S20").sequence) == (2, 1)


def test_stock_source_has_nothing_to_follow(world: World):
    assert world.source.follow() == 0


def test_unparseable_row_is_skipped(world: World):
    world.keep(shelf(1), {"sku": "garbled"}, shelf(2))

    list(world.source.backfill())

    assert (world.write.events, world.write.unreadable) == (2, 1)
    assert world.shown("garbled") is None


def test_rows_are_read_once_a_second(world: World, monkeypatch: pytest.MonkeyPatch):
    waits: list[float] = []
    monkeypatch.setattr("ops.views.sources.time.sleep", waits.append)

    world.source.refresh()
    world.source.refresh()

    assert waits[0] == 0
    assert 0.5 < waits[1] <= 1
