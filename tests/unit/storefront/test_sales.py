"""The sales counters."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.values import Money, PricedLine
from lambdas.storefront.sales import (
    BUCKETS,
    MAX_TRANSACTION_ITEMS,
    PRODUCT,
    build_sales,
    render_sales,
    split_into_transactions,
)
from lambdas.storefront.store import SalesView
from tests.support.order_events import (
    confirmed,
)
from tests.support.view_tables import FakeTable

skus = st.sampled_from([f"sku{i}" for i in range(120)])


orders = st.lists(
    st.tuples(st.integers(0, 40), st.dictionaries(skus, st.integers(1, 9), min_size=1)),
    min_size=1,
    max_size=40,
)


class TestSales:
    def test_order_increments_its_minute_and_each_product(self):
        ((sale),) = build_sales([confirmed(), confirmed()])

        assert sorted(sale.increments.items(), key=lambda each: each[0][1]) == [
            ((partition_key("minute"), "08:26/GBP"), {"orders": 1, "units": 8, "amount": 2_208}),
            ((partition_key("product"), "85123A/GBP"), {"orders": 1, "units": 6, "amount": 1_530}),
            ((partition_key("product"), "W/71053/GBP"), {"orders": 1, "units": 2, "amount": 678}),
        ]

    def test_sku_may_contain_the_separator(self):
        counts = {"orders": 1, "units": 2, "amount": 678}

        rows = [("W/71053/GBP", counts), ("W/71053/GBP", counts)]
        assert render_sales(PRODUCT, rows, limit=9, complete_to="") == (
            [{"sku": "W/71053", "currency": "GBP", "orders": 2, "units": 4, "amount": 1_356}],
            "",
        )

    @pytest.mark.parametrize(("skus", "groups"), [(48, [2]), (49, [1, 1])])
    def test_large_orders_are_split_into_transactions(self, skus: int, groups: list[int]):
        """Two orders have two markers and two counters of their minutes."""
        lines = [PricedLine(sku=f"sku{i}", quantity=1, unit_price=1) for i in range(48)]
        more = [PricedLine(sku=f"other{i}", quantity=1, unit_price=1) for i in range(skus)]
        events = [confirmed("a", lines=lines), confirmed("b", lines=more)]

        assert [len(group) for group in split_into_transactions(build_sales(events))] == groups

    @settings(max_examples=60)
    @given(orders, st.lists(st.integers(1, 9)), st.integers(0, 50))
    def test_redelivered_orders_are_counted_once(
        self, drawn: list[tuple[int, dict[str, int]]], sizes: list[int], again: int
    ):
        known: dict[str, EventEnvelope[Any]] = {}
        for number, bought in drawn:
            lines = [PricedLine(sku=s, quantity=q, unit_price=3) for s, q in bought.items()]
            total = Money(amount=3 * sum(bought.values()), currency="GBP")
            published = confirmed(f"o{number}", minute=number, lines=lines, total=total)
            known.setdefault(f"o{number}", published)
        redelivered = [known[f"o{number}"] for number, _ in drawn]
        waiting = [*redelivered, *redelivered[again:]]
        table = FakeTable()
        store = SalesView("table", dynamodb=table)

        for size in [*sizes, *[5] * len(waiting)]:
            batch, waiting = waiting[:size], waiting[size:]
            for group in split_into_transactions(build_sales(batch)):
                counters = {counter for sale in group for counter in sale.increments}
                assert len(group) + len(counters) <= MAX_TRANSACTION_ITEMS
                assert store.count(group) == {}

        amounts = {"minute": 0, "product": 0}
        for (partition_key, _), row in table.items.items():
            if "/minute/" in partition_key or "/product/" in partition_key:
                amounts[partition_key.split("/")[1]] += row["amount"]
        expected = sum(published.data.total.amount for published in known.values())
        assert amounts == {"minute": expected, "product": expected}
        markers = [key for key, _ in table.items if key.startswith("order/")]
        assert len(markers) == len(known)

    def test_transaction_conflict_is_not_taken_for_counted(self):
        table = FakeTable()

        def conflict(**_: Any) -> None:
            raise table.exceptions.TransactionCanceledException(["TransactionConflict", "None"])

        table.transact_write_items = conflict  # type: ignore[method-assign]
        with pytest.raises(table.exceptions.TransactionCanceledException):
            SalesView("table", dynamodb=table).count(build_sales([confirmed()]))

    def test_billed_writes_per_order_are_constant(self):
        table = FakeTable()
        store = SalesView("table", dynamodb=table)
        costs = []
        for i in range(300):
            before = table.billed
            store.count(build_sales([confirmed(f"o{i}")]))
            costs.append(table.billed - before)

        assert set(costs) == {8}

    def test_orders_are_spread_over_all_buckets(self):
        buckets = {
            partition_key
            for sale in build_sales(confirmed(f"o{i}") for i in range(99))
            for partition_key, _ in sale.increments
        }

        assert len(buckets) == 2 * BUCKETS


def partition_key(per: str) -> str:
    ((sale),) = build_sales([confirmed()])
    (found,) = {
        partition_key for partition_key, _ in sale.increments if f"/{per}/" in partition_key
    }
    return found
