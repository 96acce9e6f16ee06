"""The handler that records a completed compensation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.order_states import OrderState
from lambdas.orders.domain import (
    Order,
    UnknownOrderError,
)
from tests.support.order_requests import placed
from tests.support.stored_orders import StoredOrders

REJECTED_ORDER = replace(placed(), state=OrderState.REJECTED, sequence=2, open_shard=None)
DEAD_LETTERED = ["ReleaseStock", "RefundPayment"]
ORDER_WITH_DEAD_LETTERS = replace(REJECTED_ORDER, failed_compensations=DEAD_LETTERED, sequence=3)


class TestHandler:
    @pytest.fixture
    def note(self, load_handler: Callable[..., Any], table: str) -> Callable[..., Any]:
        handler = load_handler("lambdas.orders.mark_compensation_completed", ORDERS_TABLE=table)
        return lambda **command: handler(command, None)

    def test_completion_is_recorded_once(self, note: Callable[..., Any], orders: StoredOrders):
        kept = orders.add(ORDER_WITH_DEAD_LETTERS)

        for _ in range(2):
            assert note(order_id=kept.order_id, compensation="ReleaseStock") == {
                "order_id": kept.order_id,
                "state": OrderState.REJECTED,
                "finished": True,
                "outstanding_compensations": ["RefundPayment"],
            }

        found = orders.find(kept.order_id)
        assert found is not None
        assert found.completed_compensations == ("ReleaseStock",)

    @pytest.mark.parametrize(
        ("order", "finished"), [(placed(), False), (ORDER_WITH_DEAD_LETTERS, True)]
    )
    def test_command_without_compensation_returns_the_order(
        self, note: Callable[..., Any], orders: StoredOrders, order: Order, finished: bool
    ):
        orders.add(order)
        kept = orders.find(order.order_id)

        assert note(order_id=order.order_id)["finished"] is finished
        assert orders.find(order.order_id) == kept

    def test_unknown_order_is_an_error(self, note: Callable[..., Any]):
        with pytest.raises(UnknownOrderError, match="there is no order 0"):
            note(order_id="0" * 32, compensation="ReleaseStock")
        with pytest.raises(ContractError, match="order_id"):
            note(compensation="ReleaseStock")
