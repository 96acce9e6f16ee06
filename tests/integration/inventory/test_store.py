"""Stock is received, reserved and released, each once."""

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.inventory.domain import DEFAULT_MINIMUM
from lambdas.inventory.store import StockMismatchError
from tests.support.inventory_tables import LATER, NOW, Inventory
from tests.support.spy import Spy


class TestReceive:
    def test_goods_go_on_the_shelf_and_a_new_sku_is_made_known(self, inventory: Inventory):
        inventory.receive("d1", {"A": 5, "B": 1})
        inventory.receive("d2", {"A": 2})

        assert inventory.stock() == {"A": (7, 0), "B": (1, 0)}

    def test_repeated_delivery_counts_once(self, inventory: Inventory):
        inventory.receive("d1", {"A": 5})
        inventory.receive("d1", {"A": 5})

        assert inventory.stock() == {"A": (5, 0)}

    def test_delivery_leaves_reserved_units_reserved(self, inventory: Inventory):
        inventory.receive("d1", {"A": 5})
        inventory.reserve("o1", {"A": 3})
        inventory.receive("d2", {"A": 1})

        assert inventory.stock() == {"A": (3, 3)}

    def test_rows(self, inventory: Inventory):
        inventory.receive("d1", {"A": 5})

        assert inventory.rows(inventory.deliveries_table) == [
            {
                "delivery_id": "d1",
                "lines": [{"sku": "A", "quantity": 5, "minimum": None}],
                "received_at": NOW,
            }
        ]
        assert inventory.rows(inventory.stock_table) == [
            {
                "sku": "A",
                "available": 5,
                "reserved": 0,
                "minimum": DEFAULT_MINIMUM,
                "sequence": 1,
                "changed_at": NOW,
                "cause": "ReceiveStock/d1",
            }
        ]

    def test_minimum_is_that_of_the_last_delivery_that_has_one(self, inventory: Inventory):
        def minimum() -> int:
            (row,) = inventory.rows(inventory.stock_table)
            return int(row["minimum"])

        inventory.receive("d1", {"A": 5}, minimum=3)
        assert minimum() == 3
        inventory.receive("d2", {"A": 5})
        assert minimum() == 3
        inventory.receive("d3", {"A": 5}, minimum=0)
        assert minimum() == 0
        inventory.reserve("o1", {"A": 1})
        assert minimum() == 0

    def test_every_change_is_counted_and_has_its_cause(self, inventory: Inventory):
        def counted() -> tuple[int, str]:
            (row,) = inventory.rows(inventory.stock_table)
            return row["sequence"], row["cause"]

        inventory.receive("d1", {"A": 5})
        inventory.reserve("o1", {"A": 3})
        assert counted() == (2, "ReserveStock/o1")
        inventory.release("o1")
        assert counted() == (3, "ReleaseStock/o1")
        inventory.receive("d1", {"A": 5})
        inventory.reserve("o1", {"A": 3})
        inventory.reserve("o2", {"A": 6})
        inventory.release("o1")
        assert counted() == (3, "ReleaseStock/o1")


class TestReserve:
    def test_all_lines_are_reserved(self, inventory: Inventory):
        inventory.receive("d1", {"A": 5, "B": 2})

        assert inventory.reserve("o1", {"A": 3, "B": 2}).state == "RESERVED"
        assert inventory.stock() == {"A": (2, 3), "B": (0, 2)}
        assert inventory.reservations()["o1"] == {
            "order_id": "o1",
            "state": "RESERVED",
            "lines": [{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 2}],
            "created_at": NOW,
            "changed_at": NOW,
            "explanation": "",
            "unresolved_shard": "13",
            "last_activity_at": NOW,
        }

    def test_asking_again_reserves_nothing_more(self, inventory: Inventory):
        inventory.receive("d1", {"A": 5})
        first = inventory.reserve("o1", {"A": 3})

        assert inventory.reserve("o1", {"A": 3}, now=LATER) == first
        assert inventory.stock() == {"A": (2, 3)}

    def test_no_line_is_reserved_if_one_is_short(self, inventory: Inventory):
        inventory.receive("d1", {"A": 5, "B": 1, "C": 1})

        refused = inventory.reserve("o1", {"A": 5, "B": 2, "C": 1, "unknown": 1})

        assert (refused.state, refused.explanation) == (
            "REFUSED",
            "too few available of B, unknown",
        )
        assert inventory.stock() == {"A": (5, 0), "B": (1, 0), "C": (1, 0)}

    def test_refusal_stays_when_stock_has_arrived(self, inventory: Inventory):
        refused = inventory.reserve("o1", {"A": 1})
        inventory.receive("d1", {"A": 9})

        assert inventory.reserve("o1", {"A": 1}, now=LATER) == refused
        assert inventory.stock() == {"A": (9, 0)}

    def test_after_its_release_it_changes_nothing(self, inventory: Inventory):
        inventory.receive("d1", {"A": 5})
        inventory.release("o1")

        assert inventory.reserve("o1", {"A": 3}).state == "RELEASED"
        assert inventory.stock() == {"A": (5, 0)}

    def test_ninety_skus_fit(self, inventory: Inventory):
        units = {f"sku{i}": 1 for i in range(90)}
        inventory.receive("d1", units)

        assert inventory.reserve("o1", units).state == "RESERVED"
        assert set(inventory.stock().values()) == {(0, 1)}
        assert inventory.release("o1").state == "RELEASED"
        assert set(inventory.stock().values()) == {(1, 0)}

    def test_concurrent_duplicate_decides(self, inventory: Inventory, dynamodb: Any):
        """Between finding too few and saying so, stock arrives for the other request."""

        def arrive(operation: str) -> None:
            if operation == "put_item":
                inventory.use(dynamodb)
                inventory.receive("d1", {"A": 1})
                inventory.reserve("o1", {"A": 1})

        inventory.use(Spy(dynamodb, arrive))

        assert inventory.reserve("o1", {"A": 1}).state == "RESERVED"
        assert inventory.stock() == {"A": (0, 1)}


class TestRelease:
    def test_repeated_release_returns_every_line_once(self, inventory: Inventory):
        inventory.receive("d1", {"A": 5, "B": 2})
        inventory.reserve("o1", {"A": 3, "B": 2})
        inventory.reserve("o2", {"A": 1})

        assert inventory.release("o1").state == "RELEASED"
        assert inventory.release("o1").state == "RELEASED"
        assert inventory.stock() == {"A": (4, 1), "B": (2, 0)}
        row = inventory.reservations()["o1"]
        assert (row["state"], row["created_at"], row["changed_at"]) == ("RELEASED", NOW, LATER)
        assert [line["sku"] for line in row["lines"]] == ["A", "B"]

    def test_release_without_reservation_leaves_a_tombstone(self, inventory: Inventory):
        assert inventory.release("o1").state == "RELEASED"
        assert inventory.reservations()["o1"]["state"] == "RELEASED"

    def test_release_of_a_refused_reservation_changes_nothing(self, inventory: Inventory):
        refused = inventory.reserve("o1", {"A": 1})

        assert inventory.release("o1") == refused
        assert inventory.reserve("o1", {"A": 1}) == refused

    def test_concurrent_release_counts_once(self, inventory: Inventory, dynamodb: Any):
        inventory.receive("d1", {"A": 5})
        inventory.reserve("o1", {"A": 3})

        def release_too(operation: str) -> None:
            if operation == "transact_write_items":
                inventory.use(dynamodb)
                inventory.release("o1")

        inventory.use(Spy(dynamodb, release_too))

        assert inventory.release("o1").state == "RELEASED"
        assert inventory.stock() == {"A": (5, 0)}

    def test_stock_never_goes_below_zero_even_if_the_tables_disagree(self, inventory: Inventory):
        inventory.receive("d1", {"A": 5})
        inventory.reserve("o1", {"A": 3})
        inventory.overwrite_stock("A", available=5, reserved=0)

        with pytest.raises(StockMismatchError, match="order o1"):
            inventory.release("o1")
        assert inventory.stock() == {"A": (5, 0)}
        assert inventory.reservations()["o1"]["state"] == "RESERVED"


def test_each_operation_makes_no_unneeded_request(inventory: Inventory, dynamodb: Any):
    requests: list[str] = []
    inventory.use(Spy(dynamodb, requests.append))

    def asked(work: Callable[[], object]) -> list[str]:
        requests.clear()
        work()
        return list(requests)

    assert asked(lambda: inventory.receive("d1", {"A": 5})) == ["transact_write_items"]
    assert asked(lambda: inventory.reserve("o1", {"A": 3})) == ["transact_write_items"]
    assert asked(lambda: inventory.reserve("o1", {"A": 3})) == ["transact_write_items"]
    assert asked(lambda: inventory.reserve("o2", {"A": 3})) == ["transact_write_items", "put_item"]
    assert asked(lambda: inventory.reserve("o2", {"A": 3})) == ["transact_write_items"]
    assert asked(lambda: inventory.release("o1")) == ["put_item", "transact_write_items"]
    assert asked(lambda: inventory.release("o1")) == ["put_item"]
    assert asked(lambda: inventory.release("o2")) == ["put_item"]
    assert asked(lambda: inventory.release("o3")) == ["put_item"]
    # A busy SKU costs a request more when it is found busy, and no transaction after that.
    assert asked(lambda: inventory.reserve("o4", {"A": 1}, busy=True))[-1] == "put_item"
    assert asked(lambda: inventory.reserve("o5", {"A": 1}, busy=True)) == ["put_item"]
    assert asked(lambda: inventory.release("o5", busy=True)) == ["put_item", "update_item"]
    assert asked(lambda: inventory.move("o4")) == ["batch_get_item", "transact_write_items"]
