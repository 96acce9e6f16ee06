"""The query of orders: a customer gets their own orders only, page by page."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.runtime.dynamodb import READ_RETRY, UnprocessedKeysError
from lambdas.storefront.customer_orders import build_order_upserts, render_order
from lambdas.storefront.queries import (
    encode_page_token,
    parse_page_request,
)
from lambdas.storefront.store import CustomerOrdersView
from tests.support.doubles import ClientDouble
from tests.support.order_events import confirmed, placed
from tests.support.queries import Get, make_get


@pytest.fixture
def orders(make_table: Callable[..., str], dynamodb: Any) -> CustomerOrdersView:
    table = make_table("view", "order_id", index=("customer_id", "listing_key"))
    return CustomerOrdersView(table, dynamodb=dynamodb)


def project(orders: CustomerOrdersView, *events: Any) -> None:
    for upsert in build_order_upserts(events):
        orders.upsert(upsert)


class ClientProxy(ClientDouble):
    def __init__(self, dynamodb: Any) -> None:
        self.dynamodb = dynamodb

    def query(self, **request: Any) -> Any:
        return self.dynamodb.query(**request)


class ThrottledClient(ClientProxy):
    """Processes only a given number of the keys of each request."""

    def __init__(self, dynamodb: Any, *, answers: int) -> None:
        super().__init__(dynamodb)
        self.answers = answers
        self.requests = 0

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
        self.requests += 1
        assert self.requests < 100
        ((table, wanted),) = RequestItems.items()
        now, later = wanted["Keys"][: self.answers], wanted["Keys"][self.answers :]
        found = (
            self.dynamodb.batch_get_item(RequestItems={table: {"Keys": now}})["Responses"]
            if now
            else {table: []}
        )
        left = {table: {**wanted, "Keys": later}} if later else {}
        return {"Responses": found, "UnprocessedKeys": left}


class TestOrders:
    @pytest.fixture
    def get(self, load_handler: Callable[..., Any], orders: CustomerOrdersView) -> Get:
        handler = load_handler(
            "lambdas.storefront.list_orders", CUSTOMER_ORDERS_TABLE=orders._table
        )
        return make_get(handler)

    def ids(self, content: Any) -> list[str]:
        return [order["order_id"] for order in content["orders"]]

    @pytest.mark.parametrize(
        "edited", [{"total": "much"}, {"x/y/9": "a state"}, {"listing_key": "no#o2"}]
    )
    def test_edited_row_is_left_out_and_logged(
        self,
        get: Get,
        orders: CustomerOrdersView,
        dynamodb: Any,
        edited: dict[str, Any],
        capsys: pytest.CaptureFixture[str],
    ):
        project(orders, *(placed(f"o{minute}", minute=minute) for minute in (1, 2, 3)))
        ((name, value),) = edited.items()
        dynamodb.update_item(
            TableName=orders._table,
            Key={"order_id": {"S": "o2"}},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": {"S": value}},
        )

        status, content = get()

        assert (status, self.ids(content)) == (200, ["o3", "o1"])
        logged = capsys.readouterr().out
        assert '"order_left_out", "level": "ERROR", "order_id": "o2"' in logged
        assert logged.count('"RowsUnreadable": 1') == 1

    def test_own_orders_are_listed_newest_first(self, get: Get, orders: CustomerOrdersView):
        project(orders, *(placed(f"o{minute}", minute=minute) for minute in (2, 4, 1, 3)))
        project(orders, confirmed("o2"), placed("theirs", "bob"), confirmed("unplaced"))

        status, content = get()

        assert (status, self.ids(content)) == (200, ["o4", "o3", "o2", "o1"])
        assert content["next"] is None
        assert [order["state"] for order in content["orders"]] == [
            "PLACED",
            "PLACED",
            "CONFIRMED",
            "PLACED",
        ]
        assert get(customer="nobody") == (200, {"orders": [], "next": None})

    @pytest.fixture
    def pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The delays before retries, in seconds."""
        waited: list[float] = []
        monkeypatch.setattr(
            "lambdas.storefront.store.READ_RETRY",
            replace(READ_RETRY, sleep=waited.append, jitter=lambda: 1.0),
        )
        return waited

    def test_pages_do_not_shift_when_orders_arrive(self, get: Get, orders: CustomerOrdersView):
        project(orders, *(placed(f"o{minute}", minute=minute) for minute in range(10, 15)))
        seen = []
        _, content = get(limit="2")
        seen += self.ids(content)
        minute = 20
        while content["next"]:
            project(orders, placed(f"o{minute}", minute=minute))
            minute += 1
            _, content = get(limit="2", page=content["next"])
            seen += self.ids(content)

        assert seen == ["o14", "o13", "o12", "o11", "o10"]

    def test_orders_with_equal_timestamps_appear_once(self, get: Get, orders: CustomerOrdersView):
        project(orders, *(placed(f"o{i}") for i in range(7)))
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            _, content = get(limit="3", **after)
            seen += self.ids(content)
            if not content["next"]:
                break
            after = {"page": content["next"]}

        assert sorted(seen) == [f"o{i}" for i in range(7)]

    def test_page_token_of_another_customer_reveals_nothing(
        self, get: Get, orders: CustomerOrdersView
    ):
        project(orders, *(placed(f"o{minute}", minute=minute) for minute in range(4)))
        _, content = get(limit="1")

        assert get(customer="bob", page=content["next"]) == (200, {"orders": [], "next": None})

    def test_etag_gives_304_until_the_page_changes(self, get: Get, orders: CustomerOrdersView):
        project(orders, placed("o1"))
        _, tag = get(tag="*")

        assert get(tag=tag) == (304, tag)
        project(orders, confirmed("o1"))
        assert get(tag=tag)[0] == 200

    def test_each_invalid_parameter_is_named(self, get: Get):
        status, content = get(limit="0", page="?")

        assert status == 400
        assert content["errors"] == [
            {"field": "limit", "problem": "must be a whole number from 1 to 100"},
            {"field": "page", "problem": "must be what the page before gave as next"},
        ]

    def test_rows_found_by_index_are_read_consistently(
        self, orders: CustomerOrdersView, dynamodb: Any
    ):
        class LaggingClient(ClientProxy):
            """Returns rows from before OrderPlaced, unless the read is consistent."""

            def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
                answer = dynamodb.batch_get_item(RequestItems=RequestItems)
                ((table, wanted),) = RequestItems.items()
                for item in answer["Responses"][table]:
                    if not wanted.get("ConsistentRead"):
                        del item["listing_key"], item["total"], item["orders/1/1"]
                return answer

        project(orders, confirmed("o1"), placed("o1"))
        orders._dynamodb = LaggingClient(dynamodb)

        rows, _ = orders.find_page("ada", parse_page_request({}))
        assert [render_order(row)["placed_at"] for row in rows] == ["2026-12-01T08:26:00+00:00"]

    def test_unprocessed_keys_are_retried_with_backoff(
        self, orders: CustomerOrdersView, dynamodb: Any, pauses: list[float]
    ):
        project(orders, *(placed(f"o{minute}", minute=minute) for minute in range(3)))
        orders._dynamodb = ThrottledClient(dynamodb, answers=1)

        rows, _ = orders.find_page("ada", parse_page_request({}))

        assert [row["order_id"] for row in rows] == ["o2", "o1", "o0"]
        assert pauses == [READ_RETRY.base_delay, 2 * READ_RETRY.base_delay]

    def test_exhausted_retries_raise_unprocessed_keys_error(
        self, orders: CustomerOrdersView, dynamodb: Any, pauses: list[float]
    ):
        project(orders, placed("o1"), placed("o2"))
        orders._dynamodb = ThrottledClient(dynamodb, answers=0)

        with pytest.raises(
            UnprocessedKeysError, match=r"2 rows of .* could not be read; try again"
        ):
            orders.find_page("ada", parse_page_request({}))
        assert len(pauses) == READ_RETRY.max_attempts - 1


@settings(max_examples=15)
@given(st.integers(1, 5), st.lists(st.integers(0, 59), unique=True, max_size=12))
def test_pages_together_list_every_order(
    make_table: Callable[..., str], dynamodb: Any, limit: int, minutes: list[int]
):
    table = make_table("view", "order_id", index=("customer_id", "listing_key"))
    orders = CustomerOrdersView(table, dynamodb=dynamodb)
    project(orders, *(placed(f"o{minute}", minute=minute) for minute in minutes))
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        rows, last = orders.find_page("ada", parse_page_request({"limit": str(limit), **after}))
        assert rows or not after
        seen += [row["order_id"] for row in rows]
        if not last:
            break
        after = {"page": encode_page_token(last)}

    assert seen == [f"o{minute}" for minute in sorted(minutes, reverse=True)]
