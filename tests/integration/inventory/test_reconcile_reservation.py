"""On an order's status, its reservation is kept or released."""

from datetime import timedelta
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.inventory.domain import reservation_unresolved
from tests.integration.inventory.stale_reservations import (
    MAX_IN_FLIGHT,
    OVER,
    STALE_AFTER,
    STALE_AT,
    STANDS,
    confirmed,
    delivered,
    make_stale,
    state_of,
)
from tests.support.inventory_tables import NOW, Inventory


class TestReconcile:
    @pytest.mark.parametrize("state", OVER)
    def test_reservation_of_an_undone_order_is_released_once(
        self, inventory: Inventory, reconcile_on: Any, query_stale: Any, state: str
    ):
        make_stale(inventory, 1)
        (order,) = query_stale()

        assert [reconcile_on(state_of(order, state)) for _ in range(3)] == ["RELEASED"] * 3

        assert inventory.stock() == {"A": (1, 0)}
        assert query_stale(STALE_AT + 2 * STALE_AFTER) == []

    @pytest.mark.parametrize("said", [*STANDS, "OrderConfirmed"])
    def test_reservation_of_a_confirmed_order_is_kept_and_not_queried_again(
        self, inventory: Inventory, reconcile_on: Any, query_stale: Any, said: str
    ):
        (order,) = make_stale(inventory, 1)
        event = confirmed(order) if said == "OrderConfirmed" else state_of(order, said)

        assert [reconcile_on(event) for _ in range(2)] == ["RESOLVED", "UNCHANGED"]

        assert inventory.stock() == {"A": (0, 1)}
        assert query_stale(STALE_AT) == []
        assert inventory.ship(order).state == "SHIPPED"

    @pytest.mark.parametrize("state", MAX_IN_FLIGHT)
    def test_reservation_of_an_order_in_progress_is_unchanged_and_queried_again(
        self, inventory: Inventory, reconcile_on: Any, query_stale: Any, state: str
    ):
        make_stale(inventory, 1)
        (order,) = query_stale()

        assert reconcile_on(state_of(order, state)) == "UNCHANGED"

        assert inventory.stock() == {"A": (0, 1)}
        assert query_stale(STALE_AT + STALE_AFTER) == []
        assert query_stale(STALE_AT + STALE_AFTER + timedelta(seconds=1)) == [order]

    @pytest.mark.parametrize("state", [*OVER, *STANDS, *MAX_IN_FLIGHT])
    def test_reservation_without_units_is_unchanged(
        self, inventory: Inventory, reconcile_on: Any, query_stale: Any, state: str
    ):
        inventory.receive("opening", {"A": 2})
        inventory.reserve("shipped", {"A": 1})
        inventory.ship("shipped")
        inventory.reserve("released", {"A": 1})
        inventory.release("released")
        inventory.reserve("refused", {"A": 9})
        inventory.release("tombstone")
        before = inventory.reservations()

        assert query_stale() == []
        for order in before:
            reconcile_on(state_of(order, state))

        assert inventory.reservations() == before
        assert inventory.stock() == {"A": (1, 0)}

    def test_undone_order_cannot_reserve_later(self, inventory: Inventory, reconcile_on: Any):
        inventory.receive("opening", {"A": 1})

        assert reconcile_on(state_of("o1", "CANCELLED")) == "RELEASED"

        assert inventory.reserve("o1", {"A": 1}).state == "RELEASED"
        assert inventory.stock() == {"A": (1, 0)}

    @pytest.mark.parametrize("state", [*STANDS, *MAX_IN_FLIGHT])
    def test_order_without_a_reservation_gets_none(
        self, inventory: Inventory, reconcile_on: Any, state: str
    ):
        assert reconcile_on(state_of("o1", state)) == "UNCHANGED"
        assert inventory.reservations() == {}

    def test_other_event_is_refused_by_name(self, reconcile_on: Any):
        with pytest.raises(ContractError, match="inventory is none of OrderConfirmed"):
            reconcile_on(delivered(reservation_unresolved("o1", query_number=1, now=NOW)))
