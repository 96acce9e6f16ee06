"""The availability of SKUs, derived from stock events."""

import pytest

from lambdas.contracts.inventory import (
    STOCK_EVENTS,
)
from lambdas.storefront.availability import build_availabilities
from tests.support.stock_events import stock_event


class TestAvailability:
    @pytest.mark.parametrize(
        ("available", "state"), [(9, "IN_STOCK"), (5, "IN_STOCK"), (4, "LOW"), (0, "SOLD_OUT")]
    )
    def test_any_stock_event_determines_the_state(self, available: int, state: str):
        for kind in STOCK_EVENTS:
            (shown,) = build_availabilities([stock_event("A", 1, available, kind)])
            assert (shown.state, shown.available) == (state, available)

    def test_latest_event_of_each_sku_wins_in_any_position(self):
        events = [
            stock_event("A", 2, 7),
            stock_event("B", 1, 1),
            stock_event("A", 3, 6),
            stock_event("A", 1, 8),
        ]

        shown = build_availabilities(events)

        assert sorted((each.sku, each.sequence) for each in shown) == [("A", 3), ("B", 1)]
