"""Whatever is asked, however often, in whatever order: no unit is lost, made or promised twice."""

from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.inventory.store import NothingToShipError
from tests.support.inventory_tables import Inventory, Units
from tests.support.spy import Spy

SKUS = ("A", "B")
AFTER = {
    "RESERVED": {"RESERVED", "RELEASED", "SHIPPED"},
    "REFUSED": {"REFUSED"},
    "RELEASED": {"RELEASED"},
    "SHIPPED": {"SHIPPED"},
}

ORDERS, DELIVERIES = ("o1", "o2", "o3"), ("d1", "d2")
units = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 4), min_size=1)
orders = st.fixed_dictionaries(dict.fromkeys(ORDERS, units))
deliveries = st.fixed_dictionaries(
    {"opening": st.fixed_dictionaries(dict.fromkeys(SKUS, st.just(6)))}
    | dict.fromkeys(DELIVERIES, units)
)
requests = st.sampled_from(
    [(verb, order) for verb in ("reserve", "release", "ship") for order in ORDERS]
    + [("receive", delivery) for delivery in DELIVERIES]
)
# How far the one before has come when this begins: 0 when it is done, n ahead of its nth call.
starts = st.integers(0, 2)
# Each request comes up to three times.
schedules = st.lists(
    st.tuples(requests, st.lists(starts, min_size=1, max_size=3)), min_size=1, max_size=12
).map(lambda drawn: [(request, start) for request, starts in drawn for start in starts])

Step = tuple[tuple[str, str], int]


class InterleavedRequests:
    """Requests that interrupt each other between any two calls to DynamoDB."""

    def __init__(
        self,
        inventory: Inventory,
        dynamodb: Any,
        orders: dict[str, Units],
        deliveries: dict[str, Units],
    ) -> None:
        self.inventory, self.orders, self.deliveries = inventory, orders, deliveries
        self.answers: dict[str, list[str]] = {}
        self.delivered: set[str] = set()
        self.waiting: deque[Step] = deque()
        inventory.use(Spy(dynamodb, lambda _: self._interrupt()))

    def work(self, schedule: list[Step]) -> None:
        self.waiting.extend(schedule)
        while self.waiting:
            self._next()

    def _interrupt(self) -> None:
        if not self.waiting:
            return
        request, calls = self.waiting[0]
        if calls == 1:
            self._next()
        elif calls > 1:
            self.waiting[0] = (request, calls - 1)

    def _next(self) -> None:
        (verb, name), _ = self.waiting.popleft()
        if verb == "receive":
            self.inventory.receive(name, self.deliveries[name])
            self.delivered.add(name)
            return
        if verb == "ship":
            # Units that are not reserved cannot leave; the error alerts a person.
            with suppress(NothingToShipError):
                assert self.inventory.ship(name).state == "SHIPPED"
                self.answers.setdefault(name, []).append("SHIPPED")
            return
        reservation = (
            self.inventory.reserve(name, self.orders[name])
            if verb == "reserve"
            else self.inventory.release(name)
        )
        if verb == "release":
            assert reservation.state != "RESERVED"
        self.answers.setdefault(name, []).append(reservation.state)

    def check(self) -> None:
        on_hand: Counter[str] = Counter()
        for delivery in self.delivered:
            on_hand.update(self.deliveries[delivery])
        held: Counter[str] = Counter()
        rows = self.inventory.reservations()
        for order, row in rows.items():
            if row["state"] == "RESERVED":
                held.update(self.orders[order])
            if row["state"] == "SHIPPED":
                on_hand.subtract(self.orders[order])
        expected = {sku: (on_hand[sku] - held[sku], held[sku]) for sku in on_hand}
        assert self.inventory.stock() == expected
        assert all(available >= 0 for available, _ in expected.values())
        assert {order: states[-1] for order, states in self.answers.items()} == {
            order: row["state"] for order, row in rows.items()
        }
        for states in self.answers.values():
            assert all(b in AFTER[a] for a, b in pairwise(states)), states


@settings(max_examples=60)
@given(orders=orders, deliveries=deliveries, schedule=schedules)
def test_stock_is_conserved(
    dynamodb: Any,
    make_table: Callable[..., str],
    orders: dict[str, Units],
    deliveries: dict[str, Units],
    schedule: list[Step],
):
    interleaved = InterleavedRequests(Inventory(dynamodb, make_table), dynamodb, orders, deliveries)

    interleaved.work([(("receive", "opening"), 0), *schedule])
    interleaved.check()
