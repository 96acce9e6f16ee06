"""What holding makes of an order, and what is told of it."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderDispatched,
    OrderHeld,
    OrderHoldLifted,
    OrderHoldMissed,
    OrderPlaced,
    OrderState,
    OrderWithdrawn,
)
from lambdas.contracts.payments import PaymentDisputed
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.orders.cancellation import cancel
from lambdas.orders.customer_view import customer_view
from lambdas.orders.domain import Hold, HoldState, Order, dispatch
from lambdas.orders.events import event_for_change
from lambdas.orders.holds import NoSuchHoldError, hold, lift_hold, mark_hold_missed
from lambdas.orders.rows import row_of
from lambdas.orders.store import Orders
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import to_item
from tests.contracts.catalog import read, sample_of
from tests.support.aws_fakes import FakeSqs
from tests.unit.orders.requests import placed

NOW, LATER = "2026-12-01T09:00:00+00:00", "2026-12-01T10:00:00+00:00"
PLACED_ORDER = placed()
CONFIRMED_ORDER = replace(PLACED_ORDER, state=OrderState.CONFIRMED, sequence=2, open_shard=None)


def held(order: Order, cause: str = "dispute-1") -> Order:
    return hold(order, cause=cause, reason="PaymentDisputed", explanation="disputed", now=NOW)


def told(before: Order | None, after: Order) -> EventEnvelope[Event]:
    fact = event_for_change(before, after)
    assert fact is not None
    return fact


@pytest.mark.parametrize("order", [PLACED_ORDER, CONFIRMED_ORDER])
def test_it_stays_and_that_is_told(order: Order):
    after = held(order)

    assert after == replace(
        order,
        sequence=order.sequence + 1,
        out_of_band_events=1,
        holds=(
            Hold(
                cause="dispute-1",
                reason="PaymentDisputed",
                explanation="disputed",
                state=HoldState.HELD,
                at=NOW,
            ),
        ),
    )
    fact = told(order, after)
    assert fact.data == OrderHeld(
        order_id=order.order_id,
        customer_id="17850",
        reason="PaymentDisputed",
        explanation="disputed",
    )
    assert (fact.metadata.sequence, fact.metadata.causation_id, fact.metadata.occurred_at) == (
        order.sequence + 1,
        "dispute-1",
        NOW,
    )


def test_its_customer_sees_why_until_it_is_lifted():
    after = held(CONFIRMED_ORDER)

    assert customer_view(after)["held"] == [
        {"reason": "PaymentDisputed", "explanation": "disputed", "since": NOW}
    ]
    assert "held" not in customer_view(lift_hold(after, cause="dispute-1", now=LATER))
    assert "held" not in customer_view(cancel(after, now=LATER))


@pytest.mark.parametrize(
    "state",
    [OrderState.REJECTED, OrderState.WITHDRAWN, OrderState.CANCELLED, OrderState.DISPATCHED],
)
def test_to_come_too_late_is_told_as_well(state: OrderState):
    order = replace(CONFIRMED_ORDER, state=state, sequence=4)
    after = held(order)

    assert [hold.state for hold in after.holds] == [HoldState.MISSED]
    assert after.state == state
    assert "held" not in customer_view(after)
    fact = told(order, after)
    assert fact.data == OrderHoldMissed(
        order_id=order.order_id,
        customer_id="17850",
        reason="PaymentDisputed",
        explanation="disputed",
        state=state,
    )
    assert (fact.metadata.sequence, fact.metadata.causation_id) == (5, "dispute-1")


@pytest.mark.parametrize(
    "state",
    [
        OrderState.PLACED,
        OrderState.CONFIRMED,
        OrderState.REJECTED,
        OrderState.WITHDRAWN,
        OrderState.CANCELLED,
        OrderState.DISPATCHED,
    ],
)
def test_what_was_heard_is_not_heard_again(state: OrderState):
    once = held(replace(CONFIRMED_ORDER, state=state))

    assert held(once) is once
    assert held(replace(once, state=OrderState.DISPATCHED)).holds == once.holds


def test_a_lifted_hold_stays_lifted_however_late_its_cause_comes_again():
    lifted = lift_hold(held(CONFIRMED_ORDER), cause="dispute-1", now=LATER)

    assert [hold.state for hold in lifted.holds] == [HoldState.LIFTED]
    assert held(lifted) is lifted
    assert lift_hold(lifted, cause="dispute-1", now="later still") is lifted
    fact = told(held(CONFIRMED_ORDER), lifted)
    assert fact.data == OrderHoldLifted(
        order_id=lifted.order_id, customer_id="17850", reason="PaymentDisputed"
    )
    assert (fact.metadata.sequence, fact.metadata.occurred_at) == (4, LATER)


def test_it_leaves_when_the_last_hold_is_lifted():
    twice = held(held(CONFIRMED_ORDER), "dispute-2")
    once = lift_hold(twice, cause="dispute-1", now=LATER)
    free = lift_hold(once, cause="dispute-2", now=LATER)

    assert [hold.cause for hold in once.held] == ["dispute-2"]
    assert event_for_change(twice, once) is None
    assert isinstance(told(once, free).data, OrderHoldLifted)
    assert not free.held


@pytest.mark.parametrize(
    ("order", "cause", "says"),
    [
        (CONFIRMED_ORDER, "dispute-1", "CONFIRMED and held by nothing, not by 'dispute-1'"),
        (
            held(CONFIRMED_ORDER),
            "dispute-2",
            r"held by dispute-1 \(PaymentDisputed\), not by 'dispute-2'",
        ),
        (cancel(held(CONFIRMED_ORDER), now=LATER), "dispute-1", "is WITHDRAWN"),
        (held(replace(CONFIRMED_ORDER, state=OrderState.DISPATCHED)), "dispute-1", "is DISPATCHED"),
    ],
)
def test_what_cannot_be_lifted_says_why(order: Order, cause: str, says: str):
    with pytest.raises(NoSuchHoldError, match=says):
        lift_hold(order, cause=cause, now=LATER)


class TestBesideTheSaga:
    """What the saga tells is counted from its event; a hold is counted beside it."""

    def test_a_held_order_that_is_announced_again_is_the_same_event(self):
        claimed = replace(held(PLACED_ORDER), claim_owner="execution", claim_until=1)

        assert told(None, claimed) == told(None, PLACED_ORDER)
        assert isinstance(told(None, claimed).data, OrderPlaced)

    def test_so_is_one_that_is_withdrawn(self):
        withdrawn = cancel(held(CONFIRMED_ORDER), now=LATER)
        missed = held(withdrawn, "dispute-2")

        assert told(held(CONFIRMED_ORDER), withdrawn).data == OrderWithdrawn(
            order_id=withdrawn.order_id, customer_id="17850"
        )
        assert withdrawn.out_of_band_events == 0
        assert told(None, missed) == told(held(CONFIRMED_ORDER), withdrawn)

    def test_a_held_order_can_be_cancelled(self):
        cancelled = cancel(held(PLACED_ORDER), now=LATER)

        assert isinstance(told(held(PLACED_ORDER), cancelled).data, OrderCancelled)
        assert cancelled.sequence == 3


class TestLeftInSpiteOfIt:
    def test_every_hold_that_was_missed_is_told_once(self):
        order = held(held(CONFIRMED_ORDER), "dispute-2")
        left = dispatch(order, now=LATER)
        first = mark_hold_missed(left, now=LATER)
        second = mark_hold_missed(first, now=LATER)

        assert isinstance(told(order, left).data, OrderDispatched)
        assert [
            (fact.data, fact.metadata.causation_id)
            for fact in (told(left, first), told(first, second))
        ] == [
            (
                OrderHoldMissed(
                    order_id=order.order_id,
                    customer_id="17850",
                    reason="PaymentDisputed",
                    explanation="disputed",
                    state=OrderState.DISPATCHED,
                ),
                cause,
            )
            for cause in ("dispute-1", "dispute-2")
        ]
        assert mark_hold_missed(second, now=LATER) is second

    def test_nothing_is_missed_of_one_that_has_not_left(self):
        order = held(CONFIRMED_ORDER)

        assert mark_hold_missed(order, now=LATER) is order


def test_one_hold_is_lifted_while_the_customer_cancels(orders: Orders):
    """Nothing is told of it, and yet nobody writes over it."""
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
            handler = load_handler(name, ORDERS_TABLE=table, DEAD_LETTER_QUEUE_URL="parked")
            dead_letters = DeadLetterQueue("parked", sqs=sqs)
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

    def test_a_dispute_holds_its_order_once(
        self, load: Callable[[str], Handler], kept: Callable[[Order], Order], orders: Orders
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

    def test_one_of_no_order_of_ours_is_parked(
        self, load: Callable[[str], Handler], sqs: FakeSqs, table: str
    ):
        event = self.disputed(CONFIRMED_ORDER)

        assert load("hold_order")(event, None) == {
            "dead_lettered": f"there is no order {CONFIRMED_ORDER.order_id}"
        }

        (message,) = sqs.sent
        assert message["QueueUrl"] == "parked"
        assert json.loads(message["MessageBody"])["event"] == event

    def test_an_operator_lifts_it(
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

    def test_what_cannot_be_lifted_is_told(self, load: Callable[[str], Handler]):
        with pytest.raises(NoSuchHoldError, match="there is no order"):
            load("lift_hold")({"order_id": CONFIRMED_ORDER.order_id, "cause": "x"}, None)
        with pytest.raises(ContractError, match="cause is missing"):
            load("lift_hold")({"order_id": CONFIRMED_ORDER.order_id}, None)

    def test_one_that_left_all_the_same_is_told_of(
        self, load: Callable[[str], Handler], kept: Callable[[Order], Order], orders: Orders
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
