"""The query of sales counters."""

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.runtime.batch import PoisonEventsError
from lambdas.runtime.dynamodb import to_item
from lambdas.storefront.projections import update_sales
from lambdas.storefront.sales import build_sales, partition_key, split_into_transactions
from lambdas.storefront.store import SalesView
from tests.support.order_events import confirmed
from tests.support.queries import Get, make_get


def add_row(dynamodb: Any, table: str, sort_key: str, **columns: Any) -> None:
    row = {"partition_key": partition_key("2026-12-01", "product", 0), "sort_key": sort_key}
    dynamodb.put_item(TableName=table, Item=to_item(row | columns))


class TestSales:
    @pytest.fixture
    def table(self, make_table: Callable[..., str]) -> str:
        return make_table("view", "partition_key", sorted_by="sort_key")

    @pytest.fixture
    def get(self, load_handler: Callable[..., Any], table: str, dynamodb: Any) -> Get:
        published = [confirmed(f"o{i}", minute=26 + i % 2) for i in range(12)]
        for group in split_into_transactions(build_sales(published)):
            SalesView(table, dynamodb=dynamodb).count(group)
        return make_get(load_handler("lambdas.storefront.get_sales", SALES_TABLE=table))

    def test_sales_by_minute_sum_all_buckets(self, get: Get):
        status, content = get(day="2026-12-01", per="minute")

        minute = {"currency": "GBP", "orders": 6, "units": 48, "amount": 13_248}
        assert (status, content["sales"]) == (
            200,
            [{"minute": "08:26", **minute}, {"minute": "08:27", **minute}],
        )

    def test_sales_by_product_sum_all_buckets(self, get: Get):
        _, content = get(day="2026-12-01", per="product")

        assert content["sales"] == [
            {"sku": "85123A", "currency": "GBP", "orders": 12, "units": 72, "amount": 18_360},
            {"sku": "W/71053", "currency": "GBP", "orders": 12, "units": 24, "amount": 8_136},
        ]

    @pytest.mark.parametrize("amount", [2**53, 10**37])
    def test_sum_above_what_an_integer_of_a_contract_may_be_is_shown(
        self, get: Get, table: str, dynamodb: Any, amount: int
    ):
        add_row(dynamodb, table, "A/GBP", orders=1, units=1, amount=amount)

        status, content = get(day="2026-12-01", per="product")

        assert status == 200
        assert content["sales"][1] == {
            "sku": "A", "currency": "GBP", "orders": 1, "units": 1, "amount": amount
        }  # fmt: skip

    @pytest.mark.parametrize("edited", [{"units": "many"}, {"units": None}, {}])
    def test_edited_counter_is_left_out_and_logged(
        self,
        get: Get,
        table: str,
        dynamodb: Any,
        edited: dict[str, Any],
        capsys: pytest.CaptureFixture[str],
    ):
        add_row(dynamodb, table, "A/GBP", orders=1, amount=1, **edited)

        status, content = get(day="2026-12-01", per="product")

        assert (status, [each["sku"] for each in content["sales"]]) == (200, ["85123A", "W/71053"])
        logged = capsys.readouterr().out
        assert "2026-12-01/product/0 A/GBP" in logged
        assert logged.count('"RowsUnreadable": 1') == 1

    @pytest.mark.parametrize("limit", ["1", "2", "3", "1000"])
    @pytest.mark.parametrize("edited", [(), ("A/GBP", "A/USD", "Z/GBP")], ids=["", "edited"])
    def test_pages_together_have_every_counter_once_and_whole(
        self, get: Get, table: str, dynamodb: Any, limit: str, edited: tuple[str, ...]
    ):
        """Edited rows fill a bucket's page without a counter to show."""
        for sku in edited:
            add_row(dynamodb, table, sku, orders="many")
        _, whole = get(day="2026-12-01", per="product")
        pages: list[Any] = []
        page: dict[str, str] = {}
        while True:
            status, content = get(day="2026-12-01", per="product", limit=limit, **page)
            assert status == 200
            assert len(content["sales"]) <= int(limit)
            pages.append(content["sales"])
            if content["next"] is None:
                break
            page = {"page": content["next"]}

        assert [each for some in pages for each in some] == whole["sales"]
        assert len(whole["sales"]) == 2

    def test_sum_that_is_larger_than_any_can_be_is_left_out(
        self, get: Get, table: str, dynamodb: Any
    ):
        add_row(dynamodb, table, "85123A/GBP", orders=1, units=1, amount=10**38 - 1)

        status, content = get(day="2026-12-01", per="product")

        assert (status, [each["sku"] for each in content["sales"]]) == (200, ["W/71053"])

    @pytest.mark.parametrize("edited", [{"units": "many"}, {"amount": None}], ids=str)
    def test_orders_of_an_edited_counter_are_refused_and_others_are_counted(
        self, get: Get, table: str, dynamodb: Any, edited: dict[str, Any]
    ):
        events = [confirmed(f"more{i}", minute=26) for i in range(12)]
        bad = build_sales(events)[0].increments
        (key, sort_key), *_ = [counter for counter in bad if "/product/" in counter[0]]
        row = {"partition_key": key, "sort_key": sort_key, "orders": 1, "units": 1, "amount": 1}
        dynamodb.put_item(TableName=table, Item=to_item(row | edited))
        refused = [
            event
            for event, sale in zip(events, build_sales(events), strict=True)
            if (key, sort_key) in sale.increments
        ]

        view = SalesView(table, dynamodb=dynamodb)
        for _ in range(2):
            with pytest.raises(
                PoisonEventsError, match=f"counter {key} {sort_key} was edited"
            ) as e:
                update_sales(view, events)
            assert [*e.value.reasons] == [event.metadata.event_id for event in refused]

        assert 0 < len(refused) < len(events)
        minutes = get(day="2026-12-01", per="minute")[1]["sales"]
        assert sum(each["orders"] for each in minutes) == 12 + len(events) - len(refused)

    def test_order_that_was_counted_before_its_counter_was_edited_is_not_refused(
        self, table: str, dynamodb: Any
    ):
        events = [confirmed("counted")]
        ((key, sort_key), *_) = build_sales(events)[0].increments
        view = SalesView(table, dynamodb=dynamodb)
        update_sales(view, events)
        row = {"partition_key": key, "sort_key": sort_key, "orders": "many"}
        dynamodb.put_item(TableName=table, Item=to_item(row))

        update_sales(view, events)

    @pytest.mark.parametrize("bad", [{"limit": "0"}, {"limit": "1001"}, {"page": "_"}])
    def test_bad_page_is_named(self, get: Get, bad: dict[str, str]):
        status, content = get(day="2026-12-01", per="product", **bad)

        assert (status, [each["field"] for each in content["errors"]]) == (400, [*bad])

    def test_sales_of_another_day_are_empty(self, get: Get):
        assert get(day="2026-12-02", per="product")[1]["sales"] == []

    def test_each_invalid_parameter_is_named(self, get: Get):
        status, content = get(day="x", per="y")

        assert status == 400
        assert [each["field"] for each in content["errors"]] == ["day", "per"]
