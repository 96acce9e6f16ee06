from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.inventory.domain import DEFAULT_MINIMUM
from lambdas.inventory.store import StockMismatchError
from lambdas.inventory.transactions import RETRY
from tests.support.inventory_tables import LATER, NOW, Inventory
from tests.support.spy import Spy

THREADS = 16


def cancelled(dynamodb: Any, *codes: str) -> ClientError:
    """What DynamoDB answers to a transaction that it cancels for these reasons."""
    answer = {
        "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    error: ClientError = dynamodb.exceptions.TransactionCanceledException(
        answer, "TransactWriteItems"
    )
    return error


def failing(dynamodb: Any, *failures: ClientError) -> Spy:
    """A client whose first requests fail."""
    left = list(failures)

    def fail(operation: str) -> None:
        if left:
            raise left.pop(0)

    return Spy(dynamodb, fail)


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """The results of work done by all threads at the same moment."""
    start = Barrier(THREADS)

    def run(number: int) -> Any:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


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


class TestConcurrently:
    def test_last_units_are_not_reserved_twice(self, inventory: Inventory):
        inventory.receive("d1", {"A": 20, "B": 10})

        answers = at_once(lambda i: inventory.reserve(f"o{i}", {"A": 1, "B": 1}).state)

        assert sorted(answers) == ["REFUSED"] * 6 + ["RESERVED"] * 10
        assert inventory.stock() == {"A": (10, 10), "B": (0, 10)}
        # The delivery and each reservation are changes; a refusal is none.
        assert {row["sequence"] for row in inventory.rows(inventory.stock_table)} == {11}

    def test_duplicates_of_one_request_are_one_reservation(self, inventory: Inventory):
        inventory.receive("d1", {"A": 2})

        answers = at_once(lambda _: inventory.reserve("o1", {"A": 2}).state)

        assert answers == ["RESERVED"] * THREADS
        assert inventory.stock() == {"A": (0, 2)}

    def test_reserving_and_releasing_one_order_leaves_nothing(self, inventory: Inventory):
        inventory.receive("d1", {"A": 2})

        at_once(lambda i: inventory.release("o1") if i % 2 else inventory.reserve("o1", {"A": 2}))

        assert inventory.reservations()["o1"]["state"] == "RELEASED"
        assert inventory.stock() == {"A": (2, 0)}


class TestRetries:
    @pytest.mark.parametrize(
        "busy", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
    )
    def test_conflicting_transaction_is_retried(
        self, inventory: Inventory, dynamodb: Any, busy: str
    ):
        inventory.receive("d1", {"A": 5})
        pauses: list[float] = []
        draws = iter([1.0, 0.5])
        inventory.use(
            failing(dynamodb, *[cancelled(dynamodb, "None", busy)] * 2),
            replace(RETRY, sleep=pauses.append, jitter=lambda: next(draws)),
        )

        assert inventory.reserve("o1", {"A": 3}).state == "RESERVED"
        assert pauses == [0.025, 0.025]

    def test_put_that_conflicts_with_a_transaction_is_retried(
        self, inventory: Inventory, dynamodb: Any
    ):
        answer: Any = {"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}
        inventory.use(
            failing(dynamodb, ClientError(answer, "PutItem")), replace(RETRY, sleep=lambda _: None)
        )

        assert inventory.release("o1").state == "RELEASED"

    def test_lasting_conflict_is_raised_and_is_no_refusal(
        self, inventory: Inventory, dynamodb: Any
    ):
        """A conflict hides what the other conditions say, so it must not become a refusal."""
        inventory.receive("d1", {"A": 1})
        mixed = cancelled(dynamodb, "None", "ConditionalCheckFailed", "TransactionConflict")
        pauses: list[float] = []
        inventory.use(
            failing(dynamodb, *[mixed] * RETRY.max_attempts),
            replace(RETRY, sleep=pauses.append, jitter=lambda: 1.0),
        )

        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            inventory.reserve("o1", {"A": 1, "B": 1})
        assert pauses == [0.025, 0.05, 0.1, 0.2]
        assert inventory.reservations() == {}

    def test_other_failures_are_the_callers(self, inventory: Inventory, dynamodb: Any):
        pauses: list[float] = []
        invalid = cancelled(dynamodb, "None", "ValidationError")
        inventory.use(failing(dynamodb, invalid), replace(RETRY, sleep=pauses.append))

        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            inventory.reserve("o1", {"A": 1})
        assert pauses == []
        assert inventory.reservations() == {}


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
