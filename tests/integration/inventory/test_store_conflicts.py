"""Concurrent work on the same stock, and transactions that conflict, count once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.contracts.codec import UnreadableRowError
from lambdas.inventory.writes import RETRY
from tests.support.inventory_tables import Inventory
from tests.support.spy import Spy, cancelled

THREADS = 16


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

    @pytest.mark.parametrize(
        "code", ["TransactionConflictException", "TransactionInProgressException"]
    )
    def test_put_that_conflicts_with_a_transaction_is_retried(
        self, inventory: Inventory, dynamodb: Any, code: str
    ):
        answer: Any = {"Error": {"Code": code, "Message": "ongoing"}}
        inventory.use(
            failing(dynamodb, ClientError(answer, "PutItem")), replace(RETRY, sleep=lambda _: None)
        )

        assert inventory.release("o1").state == "RELEASED"

    def test_after_a_lasting_conflict_the_order_waits_and_is_not_refused(
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

        assert inventory.reserve("o1", {"A": 1, "B": 1}).state == "WAITING"
        assert pauses == [0.025, 0.05, 0.1, 0.2]
        assert inventory.stock() == {"A": (1, 0)}
        # B is busy from now on, A is not.
        states = [inventory.reserve(f"o{sku}", {sku: 1}).state for sku in "AB"]
        assert states == ["RESERVED", "WAITING"]

    def test_other_failures_are_the_callers(self, inventory: Inventory, dynamodb: Any):
        pauses: list[float] = []
        invalid = cancelled(dynamodb, "None", "ItemCollectionSizeLimitExceeded")
        inventory.use(failing(dynamodb, invalid), replace(RETRY, sleep=pauses.append))

        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            inventory.reserve("o1", {"A": 1})
        assert pauses == []
        assert inventory.reservations() == {}


@pytest.mark.parametrize(("available", "reserved"), [("two", 0), (2, "none")])
def test_edited_row_of_a_sku_is_named_and_nothing_is_written(
    inventory: Inventory, available: Any, reserved: Any
):
    inventory.overwrite_stock("A", available=available, reserved=reserved)

    with pytest.raises(UnreadableRowError, match="A: available"):
        inventory.reserve("o1", {"A": 1})

    assert inventory.reservations() == {}
