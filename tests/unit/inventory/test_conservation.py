"""Whatever is asked, however often, in whatever order: no unit is lost, made or promised twice."""

from collections import Counter, deque
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.inventory.shop import Shop, Units
from tests.unit.spy import Spy

SKUS = ("A", "B")
AFTER = {
    "RESERVED": {"RESERVED", "RELEASED"},
    "REFUSED": {"REFUSED"},
    "RELEASED": {"RELEASED"},
}

ORDERS, DELIVERIES = ("o1", "o2", "o3"), ("d1", "d2")
units = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 4), min_size=1)
orders = st.fixed_dictionaries(dict.fromkeys(ORDERS, units))
deliveries = st.fixed_dictionaries(
    {"opening": st.fixed_dictionaries(dict.fromkeys(SKUS, st.just(4)))}
    | dict.fromkeys(DELIVERIES, units)
)
requests = st.one_of(
    st.tuples(st.sampled_from(("reserve", "release")), st.sampled_from(ORDERS)),
    st.tuples(st.just("receive"), st.sampled_from(DELIVERIES)),
)
# True: it does not wait until the one before is done, but runs ahead of that one's next request.
schedules = st.lists(st.tuples(requests, st.booleans()), min_size=1, max_size=25)


class Clerks:
    """Requests that interrupt each other between any two calls to DynamoDB."""

    def __init__(
        self,
        shop: Shop,
        dynamodb: Any,
        orders: dict[str, Units],
        deliveries: dict[str, Units],
    ) -> None:
        self.shop, self.orders, self.deliveries = shop, orders, deliveries
        self.answers: dict[str, list[str]] = {}
        self.delivered: set[str] = set()
        self.waiting: deque[tuple[tuple[str, str], bool]] = deque()
        shop.use(Spy(dynamodb, lambda _: self._interrupt()))

    def work(self, schedule: list[tuple[tuple[str, str], bool]]) -> None:
        self.waiting.extend(schedule)
        while self.waiting:
            self._next()
            self._check()

    def _interrupt(self) -> None:
        if self.waiting and self.waiting[0][1]:
            self._next()

    def _next(self) -> None:
        (verb, name), _ = self.waiting.popleft()
        if verb == "receive":
            self.shop.receive(name, self.deliveries[name])
            self.delivered.add(name)
            return
        reservation = (
            self.shop.reserve(name, self.orders[name])
            if verb == "reserve"
            else self.shop.release(name)
        )
        if verb == "release":
            assert reservation.state != "RESERVED"
        self.answers.setdefault(name, []).append(reservation.state)

    def _check(self) -> None:
        on_hand: Counter[str] = Counter()
        for delivery in self.delivered:
            on_hand.update(self.deliveries[delivery])
        held: Counter[str] = Counter()
        rows = self.shop.reservations()
        for order, row in rows.items():
            if row["state"] == "RESERVED":
                held.update(self.orders[order])
        expected = {sku: (on_hand[sku] - held[sku], held[sku]) for sku in on_hand}
        assert self.shop.stock() == expected
        assert all(available >= 0 for available, _ in expected.values())
        assert {order: states[-1] for order, states in self.answers.items()} == {
            order: row["state"] for order, row in rows.items()
        }
        for states in self.answers.values():
            assert all(b in AFTER[a] for a, b in pairwise(states)), states


@settings(max_examples=60, deadline=None)
@given(orders=orders, deliveries=deliveries, schedule=schedules)
def test_stock_is_conserved(
    dynamodb: Any,
    make_table: Callable[[str, str], str],
    orders: dict[str, Units],
    deliveries: dict[str, Units],
    schedule: list[tuple[tuple[str, str], bool]],
):
    clerks = Clerks(Shop(dynamodb, make_table), dynamodb, orders, deliveries)

    clerks.work([(("receive", "opening"), False), *schedule])
