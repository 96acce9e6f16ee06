from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from lambdas.orders.domain import CONFIRMED, KeyReusedError
from lambdas.orders.store import Orders, row_of
from lambdas.runtime.items import to_item
from tests.unit.orders.requests import BODY, line, placed
from tests.unit.spy import Spy


@pytest.fixture
def table(make_table: Callable[[str, str], str]) -> str:
    return make_table("orders", "order_id")


@pytest.fixture
def orders(dynamodb: Any, table: str) -> Orders:
    return Orders(table, dynamodb=dynamodb)


class Requests:
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


class TestAdd:
    def test_a_new_order_is_kept(self, orders: Orders):
        assert orders.add(placed()) == placed()
        assert orders.find(placed().order_id, customer_id="17850") == placed()

    def test_a_retry_gets_the_same_answer(self, orders: Orders):
        first = orders.add(placed())

        assert orders.add(replace(placed(), placed_at="later", request_id="2")) == first

    def test_a_retry_gets_the_order_as_it_stands_now(
        self, orders: Orders, dynamodb: Any, table: str
    ):
        confirmed = replace(placed(), state=CONFIRMED, sequence=2)
        dynamodb.put_item(TableName=table, Item=to_item(row_of(confirmed)))

        assert orders.add(placed()) == confirmed

    def test_another_order_under_the_key_is_refused_and_changes_nothing(self, orders: Orders):
        orders.add(placed())

        with pytest.raises(KeyReusedError):
            orders.add(placed(BODY | {"lines": [line(quantity=1)]}))

        assert orders.find(placed().order_id, customer_id="17850") == placed()

    def test_of_many_at_once_one_is_kept(self, orders: Orders):
        attempts = [replace(placed(), request_id=str(i)) for i in range(16)]
        with ThreadPoolExecutor(16) as pool:
            kept = list(pool.map(orders.add, attempts))

        assert len({order.request_id for order in kept}) == 1

    def test_it_takes_one_request(self, dynamodb: Any, table: str):
        made: list[str] = []
        Orders(table, dynamodb=Spy(dynamodb, made.append)).add(placed())

        assert made == ["put_item"]


class TestFind:
    def test_an_order_that_is_not_there(self, orders: Orders):
        assert orders.find("0" * 32, customer_id="17850") is None

    def test_an_order_of_somebody_else(self, orders: Orders):
        orders.add(placed())

        assert orders.find(placed().order_id, customer_id="12583") is None

    @pytest.mark.parametrize("text", ["", "a" * 3_000, "../orders", "G" * 32])
    def test_what_is_no_id_is_not_asked_for(self, dynamodb: Any, table: str, text: str):
        requests = Requests(dynamodb)

        assert Orders(table, dynamodb=requests).find(text, customer_id="17850") is None
        assert requests.made == []

    def test_it_is_read_as_it_stands_now(self, dynamodb: Any, table: str):
        requests = Requests(dynamodb)

        Orders(table, dynamodb=requests).find("0" * 32, customer_id="17850")

        assert [(name, asked["ConsistentRead"]) for name, asked in requests.made] == [
            ("get_item", True)
        ]
