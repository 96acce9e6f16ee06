"""The handlers that hold an order and lift a hold."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.payments import PaymentDisputed
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.orders.cancellation import cancel
from lambdas.orders.domain import HoldState, Order
from lambdas.orders.holds import NoSuchHoldError, hold, lift_hold
from lambdas.orders.rows import row_of
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import to_item
from tests.contracts.catalog import read, sample_of
from tests.support.aws_fakes import FakeSqs
from tests.support.order_requests import placed
from tests.support.stored_orders import StoredOrders

NOW, LATER = "2026-12-01T09:00:00+00:00", "2026-12-01T10:00:00+00:00"
PLACED_ORDER = placed()
CONFIRMED_ORDER = replace(PLACED_ORDER, state=OrderState.CONFIRMED, sequence=2, open_shard=None)


def held(order: Order, cause: str = "dispute-1") -> Order:
    return hold(order, cause=cause, reason="PaymentDisputed", explanation="disputed", now=NOW)


def test_one_hold_is_lifted_while_the_customer_cancels(orders: StoredOrders):
    """Lifting one of several holds has no event; concurrent writes still keep it."""
    order = orders.add(placed())
    for cause in ("dispute-1", "dispute-2"):
        orders.update(order.order_id, change=partial(held, cause=cause))
    operators = [partial(lift_hold, cause="dispute-1", now=LATER)]

    def cancelling(order: Order) -> Order:
        while operators:
            orders.update(order.order_id, change=operators.pop())
        return cancel(order, now=LATER)

    cancelled = orders.update(order.order_id, change=cancelling)

    assert cancelled is not None
    assert [hold.state for hold in cancelled.holds] == [HoldState.LIFTED, HoldState.HELD]
    assert orders.find(order.order_id) == cancelled


class TestHandlers:
    Handler = Callable[[dict[str, Any], object], dict[str, Any]]

    @pytest.fixture
    def sqs(self) -> FakeSqs:
        return FakeSqs()

    @pytest.fixture
    def load(
        self,
        load_handler: Callable[..., Handler],
        table: str,
        sqs: FakeSqs,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Callable[[str], Handler]:
        def load(verb: str) -> Any:
            name = f"lambdas.orders.{verb}"
            handler = load_handler(name, ORDERS_TABLE=table, DEAD_LETTER_QUEUE_URL="dead-letters")
            dead_letters = DeadLetterQueue("dead-letters", sqs=sqs)
            monkeypatch.setattr(sys.modules[name], "dead_letters", dead_letters, raising=False)
            return handler

        return load

    @pytest.fixture
    def kept(self, dynamodb: Any, table: str) -> Callable[[Order], Order]:
        def keep(order: Order) -> Order:
            dynamodb.put_item(TableName=table, Item=to_item(row_of(order)))
            return order

        return keep

    def disputed(self, order: Order) -> dict[str, Any]:
        event: dict[str, Any] = read(sample_of(PaymentDisputed))
        event["detail"]["data"]["order_id"] = order.order_id
        return event

    def test_repeated_dispute_holds_its_order_once(
        self, load: Callable[[str], Handler], kept: Callable[[Order], Order], orders: StoredOrders
    ):
        order = kept(CONFIRMED_ORDER)
        event = self.disputed(order)

        for _ in range(2):
            assert load("hold_order")(event, None) == {
                "order_id": order.order_id,
                "state": OrderState.CONFIRMED,
                "held": True,
            }

        found = orders.find(order.order_id)
        assert found is not None
        (only,) = found.holds
        assert only.cause == event["detail"]["metadata"]["event_id"]
        assert (only.reason, only.explanation) == (
            "PaymentDisputed",
            "the payment is disputed: fraudulent",
        )

    def test_dispute_of_an_unknown_order_is_dead_lettered(
        self, load: Callable[[str], Handler], sqs: FakeSqs, table: str
    ):
        event = self.disputed(CONFIRMED_ORDER)

        assert load("hold_order")(event, None) == {
            "dead_lettered": f"there is no order {CONFIRMED_ORDER.order_id}"
        }

        (message,) = sqs.sent
        assert message["QueueUrl"] == "dead-letters"
        assert json.loads(message["MessageBody"])["event"] == event

    def test_operator_lifts_a_hold(
        self, load: Callable[[str], Handler], kept: Callable[[Order], Order]
    ):
        order = kept(held(held(CONFIRMED_ORDER), "dispute-2"))

        def lift(cause: str) -> Any:
            return load("lift_hold")({"order_id": order.order_id, "cause": cause}, None)

        answer = {"order_id": order.order_id, "state": OrderState.CONFIRMED}
        for _ in range(2):
            assert lift("dispute-1") == answer | {"held": ["dispute-2"]}
        assert lift("dispute-2") == answer | {"held": []}
        with pytest.raises(NoSuchHoldError, match="held by nothing"):
            lift("dispute-3")

    def test_operator_cancels_an_order_because_of_its_hold(
        self, load: Callable[[str], Handler], kept: Callable[[Order], Order]
    ):
        order = kept(held(CONFIRMED_ORDER))
        command = {"order_id": order.order_id, "cause": "dispute-1", "cancel": True}

        for _ in range(2):
            assert load("lift_hold")(command, None) == {
                "order_id": order.order_id,
                "state": OrderState.WITHDRAWN,
                "held": ["dispute-1"],
            }

    def test_unliftable_hold_is_an_error(self, load: Callable[[str], Handler]):
        with pytest.raises(NoSuchHoldError, match="there is no order"):
            load("lift_hold")({"order_id": CONFIRMED_ORDER.order_id, "cause": "x"}, None)
        with pytest.raises(ContractError, match="cause is missing"):
            load("lift_hold")({"order_id": CONFIRMED_ORDER.order_id}, None)

    def test_missed_hold_of_a_dispatched_order_is_recorded(
        self, load: Callable[[str], Handler], kept: Callable[[Order], Order], orders: StoredOrders
    ):
        order = kept(held(held(CONFIRMED_ORDER), "dispute-2"))
        event = read(sample_of(ShipmentDispatched))
        event["detail"]["data"]["order_id"] = order.order_id

        for _ in range(2):
            assert load("mark_dispatched")(event, None)["state"] == OrderState.DISPATCHED

        found = orders.find(order.order_id)
        assert found is not None
        assert [hold.state for hold in found.holds] == [HoldState.MISSED, HoldState.MISSED]
        assert found.sequence == order.sequence + 3
