"""Reading and writing single rows of the orders table."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.bounds import MAX_TEXT
from lambdas.contracts.codec import ContractError
from lambdas.contracts.order_states import OrderState
from lambdas.orders.cancellation import TooLateError, cancel
from lambdas.orders.domain import Order
from lambdas.orders.store import RETRY, Orders
from lambdas.runtime.dynamodb import to_item
from lambdas.runtime.errors import ConcurrentUpdateError
from tests.support.doubles import ClientDouble
from tests.support.order_requests import placed
from tests.support.spy import Spy
from tests.support.stored_orders import StoredOrders


class Requests(ClientDouble):
    """Notes each request to DynamoDB with its parameters."""

    def __init__(self, client: Any) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        self._client = client
        self.exceptions = client.exceptions

    def __getattr__(self, operation: str) -> Any:
        def request(**parameters: Any) -> Any:
            self.made.append((operation, parameters))
            return getattr(self._client, operation)(**parameters)

        return request


class TestFind:
    def test_missing_order_is_not_found(self, orders: StoredOrders):
        assert orders.find("0" * 32, customer_id="17850") is None

    def test_order_of_another_customer_is_not_found(self, orders: StoredOrders):
        orders.add(placed())

        assert orders.find(placed().order_id, customer_id="12583") is None

    @pytest.mark.parametrize("text", ["", "a" * 3_000, "../orders", "G" * 32])
    def test_invalid_id_is_not_read(self, dynamodb: Any, table: str, text: str):
        requests = Requests(dynamodb)

        assert Orders(table, dynamodb=requests).find(text, customer_id="17850") is None
        assert requests.made == []

    def test_read_is_consistent(self, dynamodb: Any, table: str):
        requests = Requests(dynamodb)

        Orders(table, dynamodb=requests).find("0" * 32, customer_id="17850")

        assert [(name, asked["ConsistentRead"]) for name, asked in requests.made] == [
            ("get_item", True)
        ]


NOW = "2026-12-01T09:00:00+00:00"


def cancelled(order: Order) -> Order:
    return cancel(order, now=NOW)


CLAIM = {"claim_owner": "execution", "claim_until": 1_000}
OTHER_WRITES: list[dict[str, Any]] = [
    {"claim_owner": "another execution"},
    {"claim_until": 1_001},
    {"state": OrderState.CONFIRMED, "sequence": 2, "changed_at": NOW},
    {"cancel_requested_at": NOW},
    {"check_after": NOW},
    {"duplicate_of": "0" * 32},
    # The saga looks whether somebody cancelled.
    {"changed_at": NOW},
    {"completed_compensations": ("ReleaseStock",)},
]


class TestUpdate:
    @pytest.fixture
    def write(self, dynamodb: Any, table: str) -> Callable[[Mapping[str, Any]], None]:
        """What the saga, or another request, writes into the order's row."""

        def write(columns: Mapping[str, Any]) -> None:
            dynamodb.update_item(
                TableName=table,
                Key=to_item({"order_id": placed().order_id}),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in columns),
                ExpressionAttributeNames={f"#{name}": name for name in columns},
                ExpressionAttributeValues=to_item({f":{n}": v for n, v in columns.items()}),
            )

        return write

    def test_change_is_stored(self, orders: StoredOrders):
        orders.add(placed())

        after = orders.update(placed().order_id, customer_id="17850", change=cancelled)

        assert after == cancelled(placed())
        assert orders.find(placed().order_id, customer_id="17850") == after

    def test_update_takes_one_read_and_one_write(
        self, orders: StoredOrders, dynamodb: Any, table: str
    ):
        orders.add(placed())
        made: list[str] = []

        Orders(table, dynamodb=Spy(dynamodb, made.append)).update(
            placed().order_id, customer_id="17850", change=cancelled
        )

        assert made == ["get_item", "put_item"]

    def test_unchanged_order_is_not_written(self, orders: StoredOrders, dynamodb: Any, table: str):
        orders.add(placed())
        made: list[str] = []

        after = Orders(table, dynamodb=Spy(dynamodb, made.append)).update(
            placed().order_id, customer_id="17850", change=lambda order: order
        )

        assert after == placed()
        assert made == ["get_item"]

    @pytest.mark.parametrize(
        ("order_id", "customer"), [(placed().order_id, "12583"), ("0" * 32, "17850"), ("x", "x")]
    )
    def test_order_of_another_customer_is_not_updated(
        self, orders: StoredOrders, order_id: str, customer: str
    ):
        orders.add(placed())

        assert orders.update(order_id, customer_id=customer, change=cancelled) is None
        assert orders.find(placed().order_id, customer_id="17850") == placed()

    def test_refused_change_is_not_written(self, orders: StoredOrders):
        dispatched = replace(placed(), state=OrderState.DISPATCHED)
        orders.add(dispatched)

        with pytest.raises(TooLateError):
            orders.update(placed().order_id, customer_id="17850", change=cancelled)

        assert orders.find(placed().order_id, customer_id="17850") == dispatched

    @pytest.mark.parametrize(
        ("before", "meanwhile"),
        [({}, CLAIM)] + [(before, other) for before in ({}, CLAIM) for other in OTHER_WRITES],
    )
    def test_concurrent_write_is_detected(
        self,
        orders: StoredOrders,
        write: Callable[[Mapping[str, Any]], None],
        before: dict[str, Any],
        meanwhile: Mapping[str, Any],
    ):
        orders.add(replace(placed(), **before))
        seen: list[Order] = []

        def change(order: Order) -> Order:
            seen.append(order)
            if len(seen) == 1:
                write(meanwhile)
            return replace(order, explanation="ours")

        after = orders.update(placed().order_id, customer_id="17850", change=change)

        assert len(seen) == 2
        assert seen[1] == replace(seen[0], **meanwhile)
        assert after == replace(seen[1], explanation="ours")
        assert orders.find(placed().order_id, customer_id="17850") == after

    def test_update_fails_after_max_attempts(
        self, orders: StoredOrders, write: Callable[[Mapping[str, Any]], None]
    ):
        orders.add(placed())
        seen: list[Order] = []

        def change(order: Order) -> Order:
            seen.append(order)
            write({"claim_until": len(seen)})
            return cancelled(order)

        with pytest.raises(ConcurrentUpdateError, match=placed().order_id):
            orders.update(placed().order_id, customer_id="17850", change=change)

        assert len(seen) == RETRY.max_attempts
        kept = orders.find(placed().order_id, customer_id="17850")
        assert kept == replace(placed(), claim_until=RETRY.max_attempts)

    def test_one_of_many_concurrent_cancellations_is_written(self, orders: StoredOrders):
        """However often it is cancelled, it is one cancellation."""
        orders.add(placed())

        def attempt(number: int) -> Order | None:
            return orders.update(
                placed().order_id,
                customer_id="17850",
                change=lambda order: cancel(order, now=f"2026-12-01T09:00:0{number}Z"),
            )

        with ThreadPoolExecutor(8) as pool:
            kept = set(map(repr, pool.map(attempt, range(8))))

        assert kept == {repr(orders.find(placed().order_id, customer_id="17850"))}

    def test_row_that_could_not_be_read_again_is_not_written(self, orders: StoredOrders):
        order = orders.add(placed())
        unreadable = replace(order, reason="x" * (MAX_TEXT + 1), changed_at="later")

        with pytest.raises(ContractError, match="reason must have 0 to 2000 characters"):
            orders.replace(order, unreadable)

        assert orders.find(order.order_id) == order
