"""A SKU whose row is busy: requests leave the units to a batch, and nobody is refused for it."""

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.inventory.domain import StockBusyError
from lambdas.inventory.store import NothingToShipError
from tests.integration.inventory.stale_reservations import (
    STALE_AT,
    confirmed,
)
from tests.support.inventory_tables import LATER, NOW, Inventory
from tests.support.spy import Spy


def states(inventory: Inventory) -> dict[str, str]:
    return {order_id: row["state"] for order_id, row in inventory.reservations().items()}


@pytest.fixture
def stocked(inventory: Inventory) -> Inventory:
    inventory.receive("d1", {"A": 3, "B": 3})
    return inventory


class TestReserving:
    def test_order_waits_holds_nothing_and_is_unresolved(self, stocked: Inventory):
        assert stocked.reserve("o1", {"A": 2}, busy=True).state == "WAITING"

        assert stocked.stock()["A"] == (3, 0)
        assert stocked.reservations()["o1"] == {
            "order_id": "o1",
            "state": "WAITING",
            "lines": [{"sku": "A", "quantity": 2}],
            "created_at": NOW,
            "changed_at": NOW,
            "explanation": "",
            "unresolved_shard": "13",
            "last_activity_at": NOW,
        }

    def test_batch_reserves_for_many_and_is_one_change(self, stocked: Inventory):
        for n in range(4):
            stocked.reserve(f"o{n}", {"A": 1}, busy=True)

        assert stocked.move() == []

        assert stocked.stock()["A"] == (0, 3)
        assert sorted(states(stocked).values()) == ["REFUSED", *["RESERVED"] * 3]
        (row,) = (row for row in stocked.rows(stocked.stock_table) if row["sku"] == "A")
        assert (row["sequence"], row["cause"], row["changed_at"]) == (2, "ReserveStock/o0", LATER)

    def test_requests_while_it_waits_and_later_get_what_the_batch_decided(self, stocked: Inventory):
        for busy in (True, False):
            assert stocked.reserve("o1", {"A": 2}, busy=busy).state == "WAITING"
        stocked.move()

        for busy in (True, False):
            assert stocked.reserve("o1", {"A": 2}, busy=busy).state == "RESERVED"
        assert stocked.stock()["A"] == (1, 2)

    def test_rows_lead_into_and_out_of_the_index(self, stocked: Inventory):
        stocked.reserve("kept", {"A": 1}, busy=True)
        stocked.reserve("refused", {"A": 9}, busy=True)
        stocked.move()

        rows = stocked.reservations()
        assert "unresolved_shard" in rows["kept"]
        assert "unresolved_shard" not in rows["refused"]
        assert rows["refused"]["explanation"] == "too few available of A"

    def test_decided_reservation_is_left_as_it_is_when_its_record_comes_again(
        self, stocked: Inventory
    ):
        stocked.reserve("o1", {"A": 1}, busy=True)
        stocked.reserve("o2", {"A": 1}, busy=True)
        old = stocked.pending()
        stocked.move("o1")
        stocked.move_stale(old)
        stocked.move_stale(old)

        assert stocked.stock()["A"] == (1, 2)
        assert set(states(stocked).values()) == {"RESERVED"}

    def test_stock_that_arrives_between_reading_and_writing_refuses_nobody(
        self, stocked: Inventory, dynamodb: Any
    ):
        stocked.reserve("o1", {"A": 3}, busy=True)
        stocked.reserve("o2", {"A": 3}, busy=True)

        def arrive(operation: str) -> None:
            if operation == "transact_write_items":
                stocked.use(dynamodb)
                stocked.receive("d2", {"A": 3})

        stocked.use(Spy(dynamodb, arrive))
        stocked.move()

        assert states(stocked) == {"o1": "RESERVED", "o2": "RESERVED"}
        assert stocked.stock()["A"] == (0, 6)

    def test_units_that_others_take_between_reading_and_writing_are_not_sold_twice(
        self, stocked: Inventory, dynamodb: Any
    ):
        stocked.reserve("o1", {"A": 2}, busy=True)

        def overtake(operation: str) -> None:
            if operation == "transact_write_items":
                stocked.use(dynamodb)
                stocked.reserve("o2", {"A": 2})

        stocked.use(Spy(dynamodb, overtake))
        stocked.move()

        assert states(stocked) == {"o1": "REFUSED", "o2": "RESERVED"}
        assert stocked.stock()["A"] == (1, 2)

    def test_stock_that_never_keeps_still_is_an_error_and_decides_nothing(
        self, stocked: Inventory, dynamodb: Any
    ):
        stocked.reserve("o1", {"A": 3}, busy=True)
        stocked.reserve("o2", {"A": 3}, busy=True)

        def change(operation: str) -> None:
            if operation == "transact_write_items":
                dynamodb.update_item(
                    TableName=stocked.stock_table,
                    Key={"sku": {"S": "A"}},
                    UpdateExpression="ADD #sequence :one",
                    ExpressionAttributeNames={"#sequence": "sequence"},
                    ExpressionAttributeValues={":one": {"N": "1"}},
                )

        stocked.use(Spy(dynamodb, change))
        with pytest.raises(StockBusyError):
            stocked.move()
        assert set(states(stocked).values()) == {"WAITING"}


class TestClosing:
    def test_units_that_are_back_before_the_write_are_released(
        self, stocked: Inventory, dynamodb: Any
    ):
        stocked.reserve("o1", {"A": 2})
        stocked.release("o1", busy=True)
        stocked.overwrite_stock("A", available=1, reserved=0)

        def repair(operation: str) -> None:
            if operation == "transact_write_items":
                stocked.overwrite_stock("A", available=1, reserved=2)

        stocked.use(Spy(dynamodb, repair))
        assert stocked.move() == []
        assert stocked.stock()["A"] == (3, 0)

    def test_release_of_a_waiting_order_moves_nothing_and_is_final(self, stocked: Inventory):
        stocked.reserve("o1", {"A": 2}, busy=True)
        waiting = stocked.pending()

        assert stocked.release("o1", busy=True).state == "RELEASED"
        stocked.move_stale(waiting)

        assert stocked.reserve("o1", {"A": 2}).state == "RELEASED"
        assert stocked.stock()["A"] == (3, 0)
        assert "unresolved_shard" not in stocked.reservations()["o1"]

    def test_release_that_a_batch_overtakes_releases_what_it_reserved(
        self, stocked: Inventory, dynamodb: Any
    ):
        stocked.reserve("o1", {"A": 2}, busy=True)

        def move(operation: str) -> None:
            if operation == "update_item":
                stocked.use(dynamodb)
                stocked.move()

        stocked.use(Spy(dynamodb, move))

        assert stocked.release("o1").state == "RELEASED"
        assert stocked.stock()["A"] == (3, 0)

    @pytest.mark.parametrize(
        ("verb", "pending", "closed", "left"),
        [("release", "RELEASING", "RELEASED", (3, 0)), ("ship", "SHIPPING", "SHIPPED", (1, 0))],
    )
    def test_units_move_once_in_a_batch(
        self, stocked: Inventory, verb: str, pending: str, closed: str, left: tuple[int, int]
    ):
        stocked.reserve("o1", {"A": 2})
        close = getattr(stocked, verb)

        assert close("o1", busy=True).state == pending
        assert close("o1").state == pending
        assert stocked.stock()["A"] == (1, 2)
        assert "unresolved_shard" in stocked.reservations()["o1"]
        old = stocked.pending()
        stocked.move()
        assert stocked.move_stale(old) == []

        assert close("o1").state == closed
        assert stocked.stock()["A"] == left
        assert "unresolved_shard" not in stocked.reservations()["o1"]

    def test_waiting_order_cannot_leave(self, stocked: Inventory):
        stocked.reserve("o1", {"A": 2}, busy=True)

        with pytest.raises(NothingToShipError, match="is WAITING"):
            stocked.ship("o1")

    def test_units_that_the_stock_does_not_reserve_are_named_and_the_others_move(
        self, stocked: Inventory
    ):
        for order_id, number in (("o1", 1), ("o2", 2)):
            stocked.reserve(order_id, {"A": number})
            stocked.release(order_id, busy=True)
        stocked.overwrite_stock("A", available=1, reserved=1)

        assert stocked.move() == ["o2"]
        assert stocked.stock()["A"] == (2, 0)
        assert states(stocked) == {"o1": "RELEASED", "o2": "RELEASING"}


class TestForgotten:
    """Its record of the stream was lost, or failed for good."""

    def test_query_of_the_order_writes_the_row_so_that_the_stream_has_it_again(
        self, stocked: Inventory, query_stale: Callable[..., list[str]]
    ):
        stocked.reserve("o1", {"A": 2}, busy=True)

        assert query_stale(STALE_AT) == ["o1"]
        (row,) = stocked.reservations().values()
        assert (row["state"], row["query_count"]) == ("WAITING", 1)

    def test_confirmed_order_that_ships_stays_in_the_index(
        self, stocked: Inventory, reconcile_on: Callable[[dict[str, Any]], str]
    ):
        stocked.reserve("o1", {"A": 2})
        reconcile_on(confirmed("o1"))
        stocked.ship("o1", busy=True)

        assert reconcile_on(confirmed("o1")) == "UNCHANGED"
        assert "unresolved_shard" in stocked.reservations()["o1"]
