"""What becomes of an order when a person finishes what its saga could not undo."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.orders import OrderState
from lambdas.orders.domain import (
    Order,
    OrderNotUndoneError,
    UnknownOrderError,
    complete_compensation,
)
from lambdas.orders.events import event_for_change
from lambdas.orders.store import Orders
from tests.unit.orders.requests import placed

REJECTED_ORDER = replace(placed(), state=OrderState.REJECTED, sequence=2, open_shard=None)
DEAD_LETTERED = ["ReleaseStock", "RefundPayment"]
ORDER_WITH_DEAD_LETTERS = replace(REJECTED_ORDER, failed_compensations=DEAD_LETTERED, sequence=3)


def test_it_waits_no_longer_and_nothing_is_told():
    repaired = complete_compensation(ORDER_WITH_DEAD_LETTERS, "RefundPayment")

    assert repaired.outstanding_compensations == ["ReleaseStock"]
    assert event_for_change(ORDER_WITH_DEAD_LETTERS, repaired) is None
    assert complete_compensation(repaired, "ReleaseStock").outstanding_compensations == []


def test_a_second_time_changes_nothing():
    repaired = complete_compensation(ORDER_WITH_DEAD_LETTERS, "RefundPayment")

    assert complete_compensation(repaired, "RefundPayment") is repaired
    assert complete_compensation(repaired, None) is repaired


def test_it_may_be_repaired_before_the_saga_says_that_it_is_parked():
    early = complete_compensation(REJECTED_ORDER, "RefundPayment")

    assert replace(
        early, failed_compensations=DEAD_LETTERED, sequence=3
    ).outstanding_compensations == ["ReleaseStock"]


@pytest.mark.parametrize(
    "state", [OrderState.PLACED, OrderState.CONFIRMED, OrderState.WITHDRAWN, OrderState.DISPATCHED]
)
def test_an_order_that_was_not_undone_has_nothing_to_repair(state: OrderState):
    """A withdrawal of it may park the same, and has then to be repaired in earnest."""
    order = replace(placed(), state=state)

    with pytest.raises(OrderNotUndoneError, match=f"is {state}: RefundPayment is no repair"):
        complete_compensation(order, "RefundPayment")
    assert complete_compensation(order, None) is order


class TestHandler:
    @pytest.fixture
    def note(self, load_handler: Callable[..., Any], table: str) -> Callable[..., Any]:
        handler = load_handler("lambdas.orders.mark_compensation_completed", ORDERS_TABLE=table)
        return lambda **command: handler(command, None)

    def test_it_notes_a_repair_once(self, note: Callable[..., Any], orders: Orders):
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
        assert found.completed_compensations == ["ReleaseStock"]

    @pytest.mark.parametrize(
        ("order", "finished"), [(placed(), False), (ORDER_WITH_DEAD_LETTERS, True)]
    )
    def test_it_says_how_an_order_stands(
        self, note: Callable[..., Any], orders: Orders, order: Order, finished: bool
    ):
        kept = orders.add(order)

        assert note(order_id=kept.order_id)["finished"] is finished
        assert orders.find(kept.order_id) == orders.add(order)

    def test_an_order_that_is_not_there_is_said_to_be_so(self, note: Callable[..., Any]):
        with pytest.raises(UnknownOrderError, match="there is no order 0"):
            note(order_id="0" * 32, compensation="ReleaseStock")
        with pytest.raises(ContractError, match="order_id"):
            note(compensation="ReleaseStock")
