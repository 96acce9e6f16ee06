"""Cancelling an order answers with its state."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.domain import Order
from lambdas.orders.holds import hold
from lambdas.orders.rows import row_of
from lambdas.runtime.dynamodb import to_item
from tests.support.order_api import Handler, content
from tests.support.order_requests import placed, query

CLAIM: dict[str, Any] = {
    "claim_owner": "execution",
    "claim_until": 1_000,
    "claimed_by": {"execution"},
}


class TestCancelOrder:
    @pytest.mark.parametrize(
        ("order", "status", "state"),
        [
            (placed(), 200, OrderState.CANCELLED),
            (replace(placed(), **CLAIM), 202, OrderState.PLACED),
            (replace(placed(), state=OrderState.CONFIRMED, sequence=2), 202, OrderState.WITHDRAWN),
            (replace(placed(), state=OrderState.WITHDRAWN, sequence=3), 202, OrderState.WITHDRAWN),
            (replace(placed(), state=OrderState.REJECTED, sequence=2), 200, OrderState.REJECTED),
            (replace(placed(), state=OrderState.CANCELLED, sequence=2), 200, OrderState.CANCELLED),
        ],
    )
    def test_cancellation_returns_the_state_of_the_order(
        self,
        cancel_order: Handler,
        get_order: Handler,
        keep: Callable[[Order], Order],
        order: Order,
        status: int,
        state: OrderState,
    ):
        keep(order)
        asked = query(order.order_id, method="DELETE")

        answer = cancel_order(asked, None)

        assert answer["statusCode"] == status
        assert content(answer) == {"order_id": order.order_id, "state": state}
        assert cancel_order(asked, None) == answer
        assert content(get_order(query(order.order_id), None))["state"] == state

    def test_disputed_order_is_a_conflict_that_says_why(
        self, cancel_order: Handler, keep: Callable[[Order], Order]
    ):
        confirmed = replace(placed(), state=OrderState.CONFIRMED, sequence=2)
        dispute = {"cause": "d", "reason": "PaymentDisputed", "explanation": "fraudulent"}
        order = keep(hold(confirmed, **dispute, now=confirmed.placed_at))

        answer = cancel_order(query(order.order_id, method="DELETE"), None)

        assert answer["statusCode"] == 409
        assert content(answer)["type"].endswith(":payment-disputed")
        assert "can be cancelled once the dispute is over" in content(answer)["detail"]

    def test_dispatched_order_is_a_conflict(
        self, cancel_order: Handler, keep: Callable[[Order], Order], dynamodb: Any, table: str
    ):
        order = keep(replace(placed(), state=OrderState.DISPATCHED, sequence=3))

        answer = cancel_order(query(order.order_id, method="DELETE"), None)

        assert answer["statusCode"] == 409
        assert "on its way" in content(answer)["detail"]
        assert dynamodb.scan(TableName=table)["Items"] == [to_item(row_of(order))]

    def test_order_of_another_customer_is_not_cancelled(
        self, cancel_order: Handler, keep: Callable[[Order], Order], dynamodb: Any, table: str
    ):
        order = keep(placed())

        strangers, unknown = (
            cancel_order(query(id_, customer="12583", method="DELETE"), None)
            for id_ in (order.order_id, "unknown")
        )

        assert strangers["statusCode"] == unknown["statusCode"] == 404
        assert strangers["body"].replace(order.order_id, "unknown") == unknown["body"]
        assert dynamodb.scan(TableName=table)["Items"] == [to_item(row_of(order))]

    def test_request_is_logged_in_one_line_without_personal_data(
        self,
        cancel_order: Handler,
        keep: Callable[[Order], Order],
        capsys: pytest.CaptureFixture[str],
    ):
        order = keep(placed())

        cancel_order(query(order.order_id, method="DELETE"), None)

        (logged,) = capsys.readouterr().out.splitlines()
        assert json.loads(logged) == {
            "message": "cancellation_requested",
            "level": "INFO",
            "order_id": order.order_id,
            "state": OrderState.CANCELLED,
        }
