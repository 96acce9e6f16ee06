from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.inventory.domain import DEFAULT_MINIMUM
from lambdas.inventory.store import ATTEMPTS, Patience, StockMismatchError
from tests.unit.inventory.shop import LATER, NOW, Shop
from tests.unit.spy import Spy

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
    def test_goods_go_on_the_shelf_and_a_new_sku_is_made_known(self, shop: Shop):
        shop.receive("d1", {"A": 5, "B": 1})
        shop.receive("d2", {"A": 2})

        assert shop.stock() == {"A": (7, 0), "B": (1, 0)}

    def test_a_delivery_counts_once(self, shop: Shop):
        shop.receive("d1", {"A": 5})
        shop.receive("d1", {"A": 5})

        assert shop.stock() == {"A": (5, 0)}

    def test_what_is_reserved_stays_so(self, shop: Shop):
        shop.receive("d1", {"A": 5})
        shop.reserve("o1", {"A": 3})
        shop.receive("d2", {"A": 1})

        assert shop.stock() == {"A": (3, 3)}

    def test_rows(self, shop: Shop):
        shop.receive("d1", {"A": 5})

        assert shop.rows(shop.deliveries_table) == [
            {
                "delivery_id": "d1",
                "lines": [{"sku": "A", "quantity": 5, "minimum": None}],
                "received_at": NOW,
            }
        ]
        assert shop.rows(shop.stock_table) == [
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

    def test_a_minimum_is_what_the_last_delivery_that_says_one_says(self, shop: Shop):
        def minimum() -> int:
            (row,) = shop.rows(shop.stock_table)
            return int(row["minimum"])

        shop.receive("d1", {"A": 5}, minimum=3)
        assert minimum() == 3
        shop.receive("d2", {"A": 5})
        assert minimum() == 3
        shop.receive("d3", {"A": 5}, minimum=0)
        assert minimum() == 0
        shop.reserve("o1", {"A": 1})
        assert minimum() == 0

    def test_every_move_is_counted_and_says_its_cause(self, shop: Shop):
        def counted() -> tuple[int, str]:
            (row,) = shop.rows(shop.stock_table)
            return row["sequence"], row["cause"]

        shop.receive("d1", {"A": 5})
        shop.reserve("o1", {"A": 3})
        assert counted() == (2, "ReserveStock/o1")
        shop.release("o1")
        assert counted() == (3, "ReleaseStock/o1")
        shop.receive("d1", {"A": 5})
        shop.reserve("o1", {"A": 3})
        shop.reserve("o2", {"A": 6})
        shop.release("o1")
        assert counted() == (3, "ReleaseStock/o1")


class TestReserve:
    def test_all_lines_are_set_aside(self, shop: Shop):
        shop.receive("d1", {"A": 5, "B": 2})

        assert shop.reserve("o1", {"A": 3, "B": 2}).state == "RESERVED"
        assert shop.stock() == {"A": (2, 3), "B": (0, 2)}
        assert shop.reservations()["o1"] == {
            "order_id": "o1",
            "state": "RESERVED",
            "lines": [{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 2}],
            "created_at": NOW,
            "changed_at": NOW,
            "explanation": "",
            "unsettled": "13",
            "quiet_since": NOW,
        }

    def test_asking_again_reserves_nothing_more(self, shop: Shop):
        shop.receive("d1", {"A": 5})
        first = shop.reserve("o1", {"A": 3})

        assert shop.reserve("o1", {"A": 3}, now=LATER) == first
        assert shop.stock() == {"A": (2, 3)}

    def test_when_one_line_is_lacking_none_is_set_aside(self, shop: Shop):
        shop.receive("d1", {"A": 5, "B": 1, "C": 1})

        refused = shop.reserve("o1", {"A": 5, "B": 2, "C": 1, "unknown": 1})

        assert (refused.state, refused.explanation) == (
            "REFUSED",
            "too few available of B, unknown",
        )
        assert shop.stock() == {"A": (5, 0), "B": (1, 0), "C": (1, 0)}

    def test_a_refusal_stands_when_stock_has_arrived(self, shop: Shop):
        refused = shop.reserve("o1", {"A": 1})
        shop.receive("d1", {"A": 9})

        assert shop.reserve("o1", {"A": 1}, now=LATER) == refused
        assert shop.stock() == {"A": (9, 0)}

    def test_after_its_release_it_changes_nothing(self, shop: Shop):
        shop.receive("d1", {"A": 5})
        shop.release("o1")

        assert shop.reserve("o1", {"A": 3}).state == "RELEASED"
        assert shop.stock() == {"A": (5, 0)}

    def test_ninety_skus_fit(self, shop: Shop):
        units = {f"sku{i}": 1 for i in range(90)}
        shop.receive("d1", units)

        assert shop.reserve("o1", units).state == "RESERVED"
        assert set(shop.stock().values()) == {(0, 1)}
        assert shop.release("o1").state == "RELEASED"
        assert set(shop.stock().values()) == {(1, 0)}

    def test_a_faster_duplicate_decides(self, shop: Shop, dynamodb: Any):
        """Between finding too few and saying so, stock arrives for the other request."""

        def arrive(operation: str) -> None:
            if operation == "put_item":
                shop.use(dynamodb)
                shop.receive("d1", {"A": 1})
                shop.reserve("o1", {"A": 1})

        shop.use(Spy(dynamodb, arrive))

        assert shop.reserve("o1", {"A": 1}).state == "RESERVED"
        assert shop.stock() == {"A": (0, 1)}


class TestRelease:
    def test_every_line_goes_back_once(self, shop: Shop):
        shop.receive("d1", {"A": 5, "B": 2})
        shop.reserve("o1", {"A": 3, "B": 2})
        shop.reserve("o2", {"A": 1})

        assert shop.release("o1").state == "RELEASED"
        assert shop.release("o1").state == "RELEASED"
        assert shop.stock() == {"A": (4, 1), "B": (2, 0)}
        row = shop.reservations()["o1"]
        assert (row["state"], row["created_at"], row["changed_at"]) == ("RELEASED", NOW, LATER)
        assert [line["sku"] for line in row["lines"]] == ["A", "B"]

    def test_of_nothing_leaves_a_tombstone(self, shop: Shop):
        assert shop.release("o1").state == "RELEASED"
        assert shop.reservations()["o1"]["state"] == "RELEASED"

    def test_a_refused_reservation_holds_nothing_and_stays(self, shop: Shop):
        refused = shop.reserve("o1", {"A": 1})

        assert shop.release("o1") == refused
        assert shop.reserve("o1", {"A": 1}) == refused

    def test_a_faster_release_is_enough(self, shop: Shop, dynamodb: Any):
        shop.receive("d1", {"A": 5})
        shop.reserve("o1", {"A": 3})

        def release_too(operation: str) -> None:
            if operation == "transact_write_items":
                shop.use(dynamodb)
                shop.release("o1")

        shop.use(Spy(dynamodb, release_too))

        assert shop.release("o1").state == "RELEASED"
        assert shop.stock() == {"A": (5, 0)}

    def test_stock_never_goes_below_zero_even_if_the_tables_disagree(self, shop: Shop):
        shop.receive("d1", {"A": 5})
        shop.reserve("o1", {"A": 3})
        shop.overwrite_stock("A", available=5, reserved=0)

        with pytest.raises(StockMismatchError, match="order o1"):
            shop.release("o1")
        assert shop.stock() == {"A": (5, 0)}
        assert shop.reservations()["o1"]["state"] == "RESERVED"


class TestConcurrently:
    def test_the_last_units_are_not_sold_twice(self, shop: Shop):
        shop.receive("d1", {"A": 20, "B": 10})

        answers = at_once(lambda i: shop.reserve(f"o{i}", {"A": 1, "B": 1}).state)

        assert sorted(answers) == ["REFUSED"] * 6 + ["RESERVED"] * 10
        assert shop.stock() == {"A": (10, 10), "B": (0, 10)}
        # The delivery and each reservation are changes; a refusal is none.
        assert {row["sequence"] for row in shop.rows(shop.stock_table)} == {11}

    def test_duplicates_of_one_request_are_one_reservation(self, shop: Shop):
        shop.receive("d1", {"A": 2})

        answers = at_once(lambda _: shop.reserve("o1", {"A": 2}).state)

        assert answers == ["RESERVED"] * THREADS
        assert shop.stock() == {"A": (0, 2)}

    def test_reserving_and_releasing_one_order_leaves_nothing(self, shop: Shop):
        shop.receive("d1", {"A": 2})

        at_once(lambda i: shop.release("o1") if i % 2 else shop.reserve("o1", {"A": 2}))

        assert shop.reservations()["o1"]["state"] == "RELEASED"
        assert shop.stock() == {"A": (2, 0)}


class TestPatience:
    @pytest.mark.parametrize(
        "busy", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
    )
    def test_a_busy_transaction_is_tried_again(self, shop: Shop, dynamodb: Any, busy: str):
        shop.receive("d1", {"A": 5})
        pauses: list[float] = []
        draws = iter([1.0, 0.5])
        shop.use(
            failing(dynamodb, *[cancelled(dynamodb, "None", busy)] * 2),
            Patience(sleep=pauses.append, draw=lambda: next(draws)),
        )

        assert shop.reserve("o1", {"A": 3}).state == "RESERVED"
        assert pauses == [0.025, 0.025]

    def test_a_put_that_meets_a_transaction_is_tried_again(self, shop: Shop, dynamodb: Any):
        answer: Any = {"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}
        shop.use(failing(dynamodb, ClientError(answer, "PutItem")), Patience(sleep=lambda _: None))

        assert shop.release("o1").state == "RELEASED"

    def test_it_ends_and_decides_nothing(self, shop: Shop, dynamodb: Any):
        """A conflict hides what the other conditions say, so it must not become a refusal."""
        shop.receive("d1", {"A": 1})
        mixed = cancelled(dynamodb, "None", "ConditionalCheckFailed", "TransactionConflict")
        pauses: list[float] = []
        shop.use(
            failing(dynamodb, *[mixed] * ATTEMPTS), Patience(sleep=pauses.append, draw=lambda: 1.0)
        )

        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            shop.reserve("o1", {"A": 1, "B": 1})
        assert pauses == [0.025, 0.05, 0.1, 0.2]
        assert shop.reservations() == {}

    def test_other_failures_are_the_callers(self, shop: Shop, dynamodb: Any):
        pauses: list[float] = []
        invalid = cancelled(dynamodb, "None", "ValidationError")
        shop.use(failing(dynamodb, invalid), Patience(sleep=pauses.append))

        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            shop.reserve("o1", {"A": 1})
        assert pauses == []
        assert shop.reservations() == {}


def test_no_request_more_than_needed(shop: Shop, dynamodb: Any):
    requests: list[str] = []
    shop.use(Spy(dynamodb, requests.append))

    def asked(work: Callable[[], object]) -> list[str]:
        requests.clear()
        work()
        return list(requests)

    assert asked(lambda: shop.receive("d1", {"A": 5})) == ["transact_write_items"]
    assert asked(lambda: shop.reserve("o1", {"A": 3})) == ["transact_write_items"]
    assert asked(lambda: shop.reserve("o1", {"A": 3})) == ["transact_write_items"]
    assert asked(lambda: shop.reserve("o2", {"A": 3})) == ["transact_write_items", "put_item"]
    assert asked(lambda: shop.reserve("o2", {"A": 3})) == ["transact_write_items"]
    assert asked(lambda: shop.release("o1")) == ["put_item", "transact_write_items"]
    assert asked(lambda: shop.release("o1")) == ["put_item"]
    assert asked(lambda: shop.release("o2")) == ["put_item"]
    assert asked(lambda: shop.release("o3")) == ["put_item"]
