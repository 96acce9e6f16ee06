"""Whatever is asked, however often, in whatever order: no unit is lost, made or promised twice."""

from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.inventory.domain import Reservation
from lambdas.inventory.store import NothingToShipError
from tests.support.inventory_tables import Inventory, Units
from tests.support.spy import Spy

SKUS = ("A", "B")
AFTER = {
    "WAITING": {"WAITING", "RESERVED", "REFUSED", "RELEASING", "RELEASED", "SHIPPING", "SHIPPED"},
    "RESERVED": {"RESERVED", "RELEASING", "RELEASED", "SHIPPING", "SHIPPED"},
    "RELEASING": {"RELEASING", "RELEASED"},
    "SHIPPING": {"SHIPPING", "SHIPPED"},
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
BUSY = ("reserve busy", "release busy", "ship busy")
"""What finds the rows of the stock busy, and leaves the units to a batch."""
requests = st.sampled_from(
    [(verb, order) for verb in ("reserve", "release", "ship", *BUSY) for order in ORDERS]
    + [("receive", delivery) for delivery in DELIVERIES]
    + [("move", ""), ("move", "one"), ("move", "old")]
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
        self.records: list[Reservation] = []
        self.since: dict[str, int] = {}
        self.levels: list[dict[str, int]] = []
        inventory.use(Spy(dynamodb, lambda _: self._interrupt()))

    def work(self, schedule: list[Step]) -> None:
        self.waiting.extend(schedule)
        while self.waiting:
            self._next()
        while self.inventory.pending():
            self._move("")
        self._look()

    def _look(self) -> None:
        """Write down how much is available, and what is pending, as a stream would deliver it."""
        stock = self.inventory.stock()
        self.levels.append({sku: available for sku, (available, _) in stock.items()})
        self.records += [each for each in self.inventory.pending() if each not in self.records]

    def _interrupt(self) -> None:
        self._look()
        if not self.waiting:
            return
        request, calls = self.waiting[0]
        if calls == 1:
            self._next()
        elif calls > 1:
            self.waiting[0] = (request, calls - 1)

    def _next(self) -> None:
        (verb, name), _ = self.waiting.popleft()
        verb, _, busy = verb.partition(" ")
        if verb == "move":
            self._move(name)
            return
        if verb == "receive":
            self.inventory.receive(name, self.deliveries[name])
            self.delivered.add(name)
            return
        if verb == "ship":
            # Units that are not reserved cannot leave; the error alerts a person.
            with suppress(NothingToShipError):
                shipped = self.inventory.ship(name, busy=bool(busy))
                assert shipped.state in ("SHIPPING", "SHIPPED")
                self.answers.setdefault(name, []).append(shipped.state)
            return
        if verb == "reserve":
            self.since.setdefault(name, len(self.levels))
        reservation = (
            self.inventory.reserve(name, self.orders[name], busy=bool(busy))
            if verb == "reserve"
            else self.inventory.release(name, busy=bool(busy))
        )
        if verb == "release":
            assert reservation.state not in ("WAITING", "RESERVED")
        self.answers.setdefault(name, []).append(reservation.state)

    def _move(self, which: str) -> None:
        """Move what is pending, or a part of it, or what a stream delivers again."""
        pending = self.records if which == "old" else self.inventory.pending()
        assert self.inventory.move_stale(pending[:1] if which == "one" else pending) == []

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
        for order, states in self.answers.items():
            assert rows[order]["state"] in AFTER[states[-1]]
        for order, row in rows.items():
            if row["state"] == "REFUSED":
                self._check_refusal(order)
        for states in self.answers.values():
            assert all(b in AFTER[a] for a, b in pairwise(states)), states

    def _check_refusal(self, order: str) -> None:
        """At some moment since it was first requested, too few units of a SKU were available."""
        assert any(
            level.get(sku, 0) < needed
            for level in self.levels[self.since[order] :]
            for sku, needed in self.orders[order].items()
        ), order


@settings(max_examples=80)
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
