"""Two rebuilds of one view are kept apart by a lease, from their beginning to their switch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from lambdas.runtime.dynamodb import to_item
from ops.deployed import OperationError
from ops.views import lease
from ops.views.compare import LEASE_KEY, DynamoTable
from ops.views.lease import RebuildLease
from ops.views.rebuild import Rebuild
from ops.views.registry import VIEWS
from ops.views.sources import RebuildSource
from tests.integration.local_aws import session


class Source(RebuildSource):
    """A source that writes these orders, and then lets something happen."""

    def __init__(self, put: Callable[[], None], then: Callable[[], object]) -> None:
        self._put, self._then = put, then

    def backfill(self) -> Iterator[str]:
        self._put()
        yield "read: 1 row"

    def refresh(self) -> None:
        self._then()


@dataclass
class World:
    """A view's two tables, the stack that says which is live, and rebuilds of the view."""

    endpoint: str
    dynamodb: Any
    tables: tuple[str, str]
    slot: str = "0"
    session: Any = field(init=False)
    waited: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    """Of other views."""

    def __post_init__(self) -> None:
        self.session = self
        self.put(self.tables[0])

    def put(self, table: str) -> None:
        self.dynamodb.put_item(TableName=table, Item=to_item({"order_id": "o1", "note": "n"}))

    def resource(self, _: str) -> Any:
        return session().resource("dynamodb", endpoint_url=self.endpoint)

    def client(self, _: str) -> Any:
        return self.dynamodb

    def table(self, name: str) -> Any:
        return self.resource("dynamodb").Table(name)

    def outputs_and_parameters(self, _: str) -> tuple[dict[str, str], dict[str, str]]:
        live, idle = self.tables[:: 1 if self.slot == "0" else -1]
        tables = {"TimelinesTable": live, "TimelinesStandbyTable": idle}
        return self.outputs | tables, {"TimelinesSlot": self.slot, "CustomerOrdersSlot": "0"}

    def change(self, _: str, __: str, value: str, *, meanwhile: Callable[[], object]) -> None:
        meanwhile()
        self.slot = value

    def rebuild(self, then: Callable[[], object] = lambda: None) -> bool:
        """Rebuild the view and switch to it; ``then`` happens when its table is filled."""
        source = Source(lambda: self.put(self.outputs_and_parameters("")[0][IDLE]), then)
        view = replace(VIEWS["timelines"], source=lambda _: source)
        equal = Rebuild(
            deployed=cast(Any, self), views={"timelines": view}, progress=self.said.append
        ).run()
        return equal["timelines"]

    def idle(self) -> DynamoTable:
        return DynamoTable(self.table(self.outputs_and_parameters("")[0][IDLE]), self.dynamodb)

    def lease(self, owner: str, meanwhile: Callable[[], object] = lambda: None) -> RebuildLease:
        """Return a command's lease. Who waits for it calls ``meanwhile`` instead of sleeping."""

        def sleep(seconds: float) -> None:
            self.waited.append(seconds)
            meanwhile()

        return RebuildLease(
            "Timelines",
            self.idle(),
            dynamodb=self.dynamodb,
            owner=owner,
            say=self.said.append,
            sleep=sleep,
        )

    def items(self, table: str) -> list[str]:
        return [item["order_id"]["S"] for item in self.dynamodb.scan(TableName=table)["Items"]]


IDLE = "TimelinesStandbyTable"


@pytest.fixture
def world(dynamodb: Any, endpoint: str, make_table: Callable[..., str]) -> World:
    tables = make_table("blue", "order_id"), make_table("green", "order_id")
    return World(endpoint, dynamodb, tables)


def test_rebuild_that_begins_while_another_compares_is_refused_and_empties_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.1)
    refused: list[str] = []

    def another() -> None:
        if not refused:
            with pytest.raises(OperationError) as error:
                world.rebuild()
            refused.append(str(error.value))

    assert world.rebuild(then=another)
    assert refused == ["another command rebuilds Timelines: wait for its end, and run this again"]
    assert world.slot == "1"
    assert world.items(world.tables[1]) == ["o1"]


def test_rebuild_of_another_view_of_the_same_events_is_refused(
    world: World, make_table: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    """Each would lack what the other takes from the queue of replays."""
    world.outputs = {
        "CustomerOrdersTable": make_table("red", "order_id"),
        "CustomerOrdersStandbyTable": make_table("yellow", "order_id"),
    }
    began: list[str] = []

    def source(_: Any) -> RebuildSource:
        return Source(lambda: began.append("orders"), lambda: None)

    views = {name: replace(VIEWS[name], source=source) for name in ("timelines", "orders")}
    monkeypatch.setattr("ops.views.rebuild.VIEWS", views)
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.1)
    orders = Rebuild(
        deployed=cast(Any, world), views={"orders": views["orders"]}, progress=world.said.append
    )

    with world.lease("another"), pytest.raises(OperationError, match="another command rebuilds"):
        orders.run()
    assert began == []

    assert orders.run() == {"orders": True}
    assert world.items(world.tables[1]) == []


def test_rebuild_whose_lease_was_taken_over_does_not_switch(world: World):
    def take_over() -> None:
        world.dynamodb.put_item(
            TableName=world.tables[1],
            Item=to_item({"order_id": LEASE_KEY, "owner": "other", "renewals": 0}),
        )

    with pytest.raises(OperationError, match="another command rebuilds Timelines"):
        world.rebuild(then=take_over)

    assert world.slot == "0"
    assert LEASE_KEY in world.items(world.tables[1]), "the other's lease stays"


def test_lease_is_neither_compared_nor_emptied_and_goes_with_the_rebuild(world: World):
    with world.lease("one"):
        assert world.idle().delete_all() == 0
        assert world.items(world.tables[1]) == [LEASE_KEY]

    assert world.items(world.tables[1]) == []


def test_lease_that_nobody_renews_is_taken_over(world: World):
    killed = world.lease("killed")
    killed._put_if_absent()

    with world.lease("next"):
        assert sum(world.waited) == lease.EXPIRES_AFTER
        with pytest.raises(OperationError, match="another command"):
            killed.renew()


def test_lease_that_is_released_meanwhile_is_taken(world: World):
    first = world.lease("first")
    first.__enter__()
    leaving = iter([lambda: first.__exit__(None, None, None)])

    with world.lease("second", meanwhile=lambda: next(leaving, lambda: None)()):
        assert len(world.waited) == 1
        assert any(said.startswith("waiting: ") for said in world.said)
