"""The handler that marks an order as dispatched."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.orders.domain import UnexpectedDispatchError
from tests.contracts.catalog import read, sample_of
from tests.support.order_requests import placed
from tests.support.stored_orders import StoredOrders

LATER = "2026-12-01T09:02:11.893Z"
CONFIRMED_ORDER = replace(placed(), state=OrderState.CONFIRMED, sequence=2, open_shard=None)


class TestHandler:
    @pytest.fixture
    def note(self, load_handler: Callable[..., Any], table: str) -> Callable[[str], Any]:
        handler = load_handler("lambdas.orders.mark_dispatched", ORDERS_TABLE=table)

        def note(order_id: str) -> Any:
            event = read(sample_of(ShipmentDispatched))
            event["detail"]["data"]["order_id"] = order_id
            event["detail"]["metadata"]["subject"] = order_id
            return handler(event, None)

        return note

    def test_redelivered_dispatch_is_ignored(
        self, note: Callable[[str], Any], orders: StoredOrders
    ):
        kept = orders.add(CONFIRMED_ORDER)

        for _ in range(2):
            assert note(kept.order_id) == {
                "order_id": kept.order_id,
                "state": OrderState.DISPATCHED,
            }

        found = orders.find(kept.order_id)
        assert found is not None
        assert (found.state, found.sequence, found.changed_at) == (OrderState.DISPATCHED, 3, LATER)

    def test_unknown_order_is_an_error(self, note: Callable[[str], Any]):
        with pytest.raises(UnexpectedDispatchError, match="there is no order"):
            note("0" * 32)
