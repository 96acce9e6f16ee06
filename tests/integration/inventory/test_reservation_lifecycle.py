"""For every fate of an order, its reservation ends as the order does."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.orders import parse_order_status
from lambdas.inventory.unresolved_reservations import (
    StaleReservationPoller,
    UnresolvedReservations,
    reconcile,
)
from lambdas.runtime.bus import Bus
from tests.integration.inventory.stale_reservations import (
    OVER,
    STALE_AFTER,
    STALE_AT,
    confirmed,
    queries,
    state_of,
)
from tests.support.aws_fakes import FakeEvents
from tests.support.inventory_tables import LATER, NOW, Inventory

LIVES = (
    ("reserve", "CONFIRMED", "DISPATCHED", "ship"),
    ("reserve", "CONFIRMED", "WITHDRAWN", "release", "CANCELLED"),
    ("reserve", "CONFIRMED"),
    ("reserve", "release", "REJECTED"),
    # Its compensation was dead-lettered, or is late.
    ("reserve", "REJECTED"),
    ("reserve", "REJECTED", "release"),
    # A saga that lives on after its order is over.
    ("CANCELLED", "reserve"),
    ("reserve", "release", "REJECTED", "reserve"),
    # Still under way.
    ("reserve",),
)
"""What sagas do, in order: to the reservation, and to the state of the order."""


class World:
    """One order, its saga, and the questions and answers, which take their time."""

    def __init__(
        self, inventory: Inventory, life: tuple[str, ...], query_stale: Any, reconcile_on: Any
    ) -> None:
        self.inventory, self.left = inventory, list(life)
        self.query_stale_, self.reconcile_on = query_stale, reconcile_on
        self.state, self.now, self.undone = "PLACED", STALE_AT, False
        self.queries = 0
        self.undelivered: list[dict[str, Any]] = []
        inventory.receive("opening", {"A": 3})

    def saga(self) -> None:
        if not self.left:
            return
        step = self.left.pop(0)
        if step == "reserve":
            self.inventory.reserve("o1", {"A": 1}, now=NOW)
        elif step == "release":
            self.undone = True
            self.inventory.release("o1")
        elif step == "ship":
            self.inventory.ship("o1")
        else:
            self.state = step
            if step == "CONFIRMED":
                self.undelivered.append(confirmed("o1"))

    def query_stale(self) -> None:
        self.queries += len(self.query_stale_(self.now))
        self.now += 2 * STALE_AFTER

    def report_status(self) -> None:
        if self.queries:
            self.undelivered.append(state_of("o1", self.state))

    def deliver_first(self) -> None:
        if self.undelivered:
            self.reconcile_on(self.undelivered.pop(0))

    def deliver_last(self) -> None:
        """It stays, to be delivered again."""
        if self.undelivered:
            self.reconcile_on(self.undelivered[-1])

    def lose(self) -> None:
        if self.undelivered:
            self.undelivered.pop()

    def check(self) -> None:
        row = self.inventory.reservations().get("o1", {})
        held = row.get("state") == "RESERVED"
        assert self.inventory.stock() in (
            [{"A": (2, 1)}] if held else [{"A": (3, 0)}, {"A": (2, 0)}]
        )
        if row and self.state not in OVER and not self.undone:
            assert row["state"] in ("RESERVED", "SHIPPED")


@settings(max_examples=80)
@given(
    life=st.sampled_from(LIVES),
    does=st.lists(
        st.sampled_from(
            [
                "saga",
                "saga",
                "query_stale",
                "report_status",
                "deliver_first",
                "deliver_last",
                "lose",
            ]
        ),
        max_size=16,
    ),
)
def test_reservations_end_as_their_orders_do(
    dynamodb: Any, make_table: Callable[..., str], life: tuple[str, ...], does: list[str]
):
    inventory = Inventory(dynamodb, make_table)
    table = UnresolvedReservations(inventory.reservations_table, dynamodb=dynamodb)

    def query_stale(now: datetime) -> list[str]:
        events = FakeEvents()
        StaleReservationPoller(
            table, Bus("Orders", eventbridge=events), stale_after=STALE_AFTER
        ).query_stale(now=now)
        return [event.data.order_id for event in queries(events)]

    def reconcile_on(event: dict[str, Any]) -> None:
        reconcile(
            parse_order_status(event), reservations=inventory.store, unresolved=table, now=LATER
        )

    world = World(inventory, life, query_stale, reconcile_on)
    for name in does:
        getattr(world, name)()
        world.check()
    while world.left:
        world.saga()
        world.check()
    for _ in range(2):
        world.query_stale()
        world.report_status()
        while world.undelivered:
            world.deliver_first()
            world.check()

    row = inventory.reservations()["o1"]
    if world.state in OVER:
        assert row["state"] == "RELEASED"
    elif world.state == "DISPATCHED":
        assert row["state"] == "SHIPPED"
    else:
        assert row["state"] == "RESERVED"
        assert ("unresolved_shard" in row) is (world.state == "PLACED")
