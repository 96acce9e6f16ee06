"""What one transaction does for many pending reservations."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.inventory import ReservationState
from lambdas.contracts.values import Line
from lambdas.inventory.batches import MAX_ITEMS, BatchPlan, SeenStock, plan_batch, split_batches
from lambdas.inventory.busy_skus import BUSY_SECONDS, BusySkus
from lambdas.inventory.domain import Reservation
from tests.support.inventory_tables import LATER, NOW

SKUS = ("A", "B")


def pending(order_id: str, state: str = "WAITING", /, **units: int) -> Reservation:
    return Reservation(
        order_id=order_id,
        state=ReservationState(state),
        lines=tuple(Line(sku=sku, quantity=quantity) for sku, quantity in units.items()),
        created_at=NOW,
        changed_at=NOW,
    )


def plan(stock: dict[str, tuple[int, int]], *reservations: Reservation) -> BatchPlan:
    seen = {
        sku: SeenStock(available=available, reserved=reserved, sequence=7)
        for sku, (available, reserved) in stock.items()
    }
    return plan_batch(reservations, seen, now=LATER)


def states(found: BatchPlan) -> dict[str, str]:
    return {each.order_id: each.state for each in found.decided}


def moved(found: BatchPlan) -> dict[str, tuple[int, int, int | None]]:
    return {
        sku: (change.available, change.reserved, change.seen)
        for sku, change in found.changes.items()
    }


def test_many_reservations_are_one_change_of_the_sku():
    found = plan({"A": (9, 1)}, *(pending(f"o{n}", A=2) for n in range(4)))

    assert set(states(found).values()) == {"RESERVED"}
    assert moved(found) == {"A": (-8, 8, None)}
    assert found.changes["A"].cause == "ReserveStock/o0"
    assert {each.changed_at for each in found.decided} == {LATER}


def test_refusal_because_of_others_needs_the_row_unchanged_at_the_limit():
    found = plan({"A": (2, 0)}, pending("o1", A=1), pending("o2", A=2))

    assert states(found) == {"o1": "RESERVED", "o2": "REFUSED"}
    assert moved(found) == {"A": (-1, 1, 7)}


def test_refusal_because_of_others_needs_the_row_unchanged():
    found = plan({"A": (3, 0)}, pending("o1", A=2), pending("o2", A=2), pending("o3", A=1))

    assert states(found) == {"o1": "RESERVED", "o2": "REFUSED", "o3": "RESERVED"}
    assert moved(found) == {"A": (-3, 3, 7)}
    (refused,) = (each for each in found.decided if each.state == "REFUSED")
    assert refused.explanation == "too few available of A"


def test_refusal_that_the_row_alone_gives_does_not():
    found = plan({"A": (3, 0)}, pending("o1", A=2), pending("o2", A=4))

    assert states(found) == {"o1": "RESERVED", "o2": "REFUSED"}
    assert moved(found) == {"A": (-2, 2, None)}


def test_order_that_lacks_one_sku_takes_none_of_the_others():
    found = plan({"A": (3, 0), "B": (0, 0)}, pending("o1", A=2, B=1), pending("o2", A=3))

    assert states(found) == {"o1": "REFUSED", "o2": "RESERVED"}
    assert moved(found) == {"A": (-3, 3, None)}


def test_units_that_come_back_are_taken_in_the_same_batch():
    found = plan(
        {"A": (0, 5)},
        pending("o1", A=2),
        pending("o2", "RELEASING", A=2),
        pending("o3", "SHIPPING", A=3),
    )

    assert states(found) == {"o2": "RELEASED", "o3": "SHIPPED", "o1": "RESERVED"}
    assert moved(found) == {"A": (0, -3, None)}


def test_reservation_of_more_than_is_reserved_is_left_out():
    found = plan({"A": (0, 2)}, pending("o1", "RELEASING", A=3), pending("o2", "SHIPPING", A=2))

    assert [each.order_id for each in found.overdrawn] == ["o1"]
    assert states(found) == {"o2": "SHIPPED"}


def test_what_is_not_pending_is_ignored():
    assert plan({"A": (5, 5)}, pending("o1", "RESERVED", A=1)).pending == []


@given(
    st.dictionaries(
        st.sampled_from(SKUS),
        st.tuples(st.integers(0, 9), st.integers(0, 9)),
        min_size=2,
        max_size=2,
    ),
    st.lists(
        st.tuples(
            st.sampled_from(["WAITING", "RELEASING", "SHIPPING"]),
            st.dictionaries(st.sampled_from(SKUS), st.integers(1, 5), min_size=1),
        ),
        max_size=8,
    ),
)
def test_no_number_becomes_negative_and_each_refusal_has_its_reason(
    stock: dict[str, tuple[int, int]], drawn: list[tuple[str, dict[str, int]]]
):
    orders: dict[str, Any] = {f"o{n}": units for n, (_, units) in enumerate(drawn)}
    found = plan(stock, *(pending(f"o{n}", state, **u) for n, (state, u) in enumerate(drawn)))

    left = {
        sku: (available + change.available, reserved + change.reserved)
        for sku, (available, reserved) in stock.items()
        if (change := found.changes.get(sku)) is not None
    }
    assert all(number >= 0 for pair in left.values() for number in pair)
    assert len(found.decided) + len(found.overdrawn) == len(drawn)
    for refused in (each for each in found.decided if each.state == "REFUSED"):
        units = orders[refused.order_id]
        # The final numbers are the lowest after everything has come back.
        assert any(left.get(sku, stock[sku])[0] < needed for sku, needed in units.items())


def orders_of(skus: int, orders: int, *, prefix: str = "") -> list[Reservation]:
    units = {f"{prefix}{at}": 1 for at in range(skus)}
    return [pending(f"o{prefix}{n}", "WAITING", **units) for n in range(orders)]


@pytest.mark.parametrize(
    ("reservations", "sizes"),
    [
        (orders_of(skus=1, orders=250), [99, 99, 52]),
        (orders_of(skus=2, orders=120), [98, 22]),
        (orders_of(skus=90, orders=11), [10, 1]),
        ([*orders_of(90, 1, prefix="a"), *orders_of(90, 1, prefix="b")], [1, 1]),
    ],
)
def test_each_batch_fits_into_a_transaction(reservations: list[Reservation], sizes: list[int]):
    batches = list(split_batches(reservations))

    assert [len(batch) for batch in batches] == sizes
    assert [each for batch in batches for each in batch] == reservations
    for batch in batches:
        named = {line.sku for each in batch for line in each.lines}
        assert len(batch) + len(named) <= MAX_ITEMS


class TestBusySkus:
    def test_sku_is_busy_for_a_while(self):
        now = 0.0
        busy = BusySkus(lambda: now)
        busy.note(["A"])

        assert busy.has_any(["B", "A"])
        assert not busy.has_any(["B"])
        now = BUSY_SECONDS
        assert not busy.has_any(["A"])
