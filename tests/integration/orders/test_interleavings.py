"""An order's sagas, jobs and requests in any interleaving, with crashes and redeliveries."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lambdas.contracts.codec import encode
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.orders import (
    HOLDABLE_STATES,
    OPEN_STATES,
    TERMINAL_STATES,
    OrderHeld,
    OrderHoldMissed,
    OrderState,
)
from lambdas.orders.cancellation import TooLateError, cancel
from lambdas.orders.domain import NotDeferredError, Order
from lambdas.orders.domain import dispatch as dispatch_order
from lambdas.orders.events import event_for_change
from lambdas.orders.holds import NoSuchHoldError, hold, lift_hold, mark_hold_missed
from lambdas.orders.stalled_orders import (
    is_stalled,
    is_undispatched,
    request_attention,
    reschedule_check,
    resume,
)
from lambdas.orders.store import Orders
from tests.integration.orders.conftest import make_orders_table
from tests.support.order_requests import placed
from tests.support.saga_simulator import (
    ACTIONS,
    LEASE,
    MACHINES,
    UNDOES,
    Execution,
    Services,
    Undone,
)

WAYS = {
    (OrderState.PLACED, OrderState.CONFIRMED),
    (OrderState.PLACED, OrderState.REJECTED),
    (OrderState.PLACED, OrderState.CANCELLED),
    (OrderState.CONFIRMED, OrderState.WITHDRAWN),
    (OrderState.WITHDRAWN, OrderState.CANCELLED),
    (OrderState.CONFIRMED, OrderState.DISPATCHED),
    (OrderState.WITHDRAWN, OrderState.DISPATCHED),
}
MAX_EXECUTIONS = 4
"""The most concurrent executions."""
FAULTS = st.sampled_from(["", "", "", "", "lost", "refuse", "before", "after"])
INDEX = st.integers(0, 9)
REASONS = st.sampled_from(["Cancelled", "DuplicateOrder"])
CAUSES = st.sampled_from(["dispute-1", "dispute-2", "doubt"])


class Life(RuleBasedStateMachine):
    """The life of one order."""

    def __init__(self, dynamodb: Any, table: str, numbers: Callable[[], int]) -> None:
        super().__init__()
        self.dynamodb, self.table = dynamodb, table
        self.orders = Orders(table, dynamodb=dynamodb)
        self.first = placed(key=str(numbers()))
        self.now = 1_000
        self.services = Services()
        self.executions: list[Execution] = []
        self.started = 0
        self.dead_lettered: set[str] = set()
        self.published: dict[int, EventEnvelope[Any]] = {}
        self.acknowledged = False
        self.hold_causes: set[str] = set()
        self.cancel_reason: str | None = None
        self.order: Order | None = None
        self.ways = WAYS
        self.repeat()
        self.deliver(0)

    # Rules

    @rule()
    def repeat(self) -> None:
        """The client repeats the request; the job republishes the order if it is stalled."""
        kept = self.orders.add(self.first)
        assert kept.order_id == self.first.order_id
        self.relay()
        self.republish()

    @property
    def time(self) -> str:
        return datetime.fromtimestamp(self.now, UTC).isoformat()

    @rule(meanwhile=st.booleans(), index=INDEX, fault=FAULTS, reason=REASONS)
    def cancel(self, meanwhile: bool, index: int, fault: str, reason: str) -> None:
        """The order is cancelled; the saga may go on between the read and the write."""
        steps = [partial(self.step, index, fault)] if meanwhile and self.executions else []

        def change(order: Order) -> Order:
            while steps:
                steps.pop()()
            return cancel(order, now=self.time, reason=reason, explanation=f"{reason}!")

        try:
            answer = self.orders.update(self.first.order_id, customer_id="17850", change=change)
        except TooLateError:
            self.relay()
            assert self.order is not None
            assert self.order.state == OrderState.DISPATCHED
            return
        self.acknowledged = True
        self.cancel_reason = self.cancel_reason or reason
        self.relay()
        self.check()
        if not meanwhile:
            assert answer == self.order

    @precondition(lambda self: "OrderConfirmed" in self.published_types())
    @rule()
    def pick(self) -> None:
        """The warehouse picks the confirmed order, and shipping dispatches it."""
        self.services.dispatch()

    @precondition(lambda self: self.services.dispatched)
    @rule(meanwhile=st.booleans(), index=INDEX, fault=FAULTS)
    def dispatch(self, meanwhile: bool, index: int, fault: str) -> None:
        """Orders receives ShipmentDispatched, perhaps again."""
        steps = [partial(self.step, index, fault)] if meanwhile and self.executions else []

        def change(order: Order) -> Order:
            while steps:
                steps.pop()()
            return dispatch_order(order, now=self.time)

        self.orders.update(self.first.order_id, change=change)
        self.relay()
        while self.order and self.order.state == OrderState.DISPATCHED and self.order.held:
            self.orders.update(self.first.order_id, change=partial(mark_hold_missed, now=self.time))
            self.relay()
        self.check()

    @rule(cause=CAUSES, meanwhile=st.booleans(), index=INDEX, fault=FAULTS)
    def hold(self, cause: str, meanwhile: bool, index: int, fault: str) -> None:
        """A hold is requested, perhaps again; the saga may go on between the read and the write."""
        steps = [partial(self.step, index, fault)] if meanwhile and self.executions else []

        def change(order: Order) -> Order:
            while steps:
                steps.pop()()
            return hold(order, cause=cause, reason="Doubt", explanation="x", now=self.time)

        self.orders.update(self.first.order_id, change=change)
        self.hold_causes.add(cause)
        self.relay()
        self.check()

    @rule()
    def reschedule(self) -> None:
        """The job reschedules its check of an open order."""
        if self.order and self.order.open_shard:
            seen, now = self.order, datetime.fromtimestamp(self.now, UTC)
            after = reschedule_check(seen, now=now, dispatch_within=timedelta(hours=1))
            assert self.orders.replace(seen, after)
            self.relay()

    @rule()
    def call_a_person(self) -> None:
        """The schedule finds that the order has not gone on for long."""
        waits = self.order and (is_stalled(self.order, now=self.now) or is_undispatched(self.order))
        if self.order and waits and not self.order.attention_requested_at:
            assert self.orders.replace(self.order, request_attention(self.order, now=self.time))
            self.relay()
            self.check()

    @rule()
    def resume(self) -> None:
        """An operator has the order taken up again, which may not be deferred."""
        change = partial(resume, now=datetime.fromtimestamp(self.now, UTC))
        with suppress(NotDeferredError):
            self.orders.update(self.first.order_id, change=change)
        self.relay()
        self.check()

    @rule(cause=CAUSES)
    def lift_hold(self, cause: str) -> None:
        """An operator lifts a hold that may not exist."""
        try:
            self.orders.update(
                self.first.order_id, change=partial(lift_hold, cause=cause, now=self.time)
            )
        except NoSuchHoldError:
            assert self.order is not None
            holding = {hold.cause for hold in self.order.held}
            assert cause not in holding or self.order.state not in HOLDABLE_STATES
        self.relay()
        self.check()

    @precondition(lambda self: len(self.executions) < MAX_EXECUTIONS)
    @rule(index=INDEX)
    def deliver(self, index: int) -> None:
        """An event that starts a saga is delivered, perhaps again."""
        starting = [
            event for event in self.published.values() if event.data.detail_type in MACHINES
        ]
        self.start(starting[index % len(starting)])

    @precondition(lambda self: self.executions)
    @rule(index=INDEX, fault=FAULTS)
    def step(self, index: int, fault: str) -> None:
        """An execution enters a state, perhaps with a fault."""
        execution = self.executions[index % len(self.executions)]
        execution.step(
            write=self.write, services=self.services, row=self.row, now=self.now, fault=fault
        )
        self.dead_lettered |= {UNDOES[undo] for undo in execution.dead_lettered}
        # A dispatched shipment is no failure: nothing is undone or dead-lettered.
        assert not (execution.too_late and execution.dead_lettered)
        if execution.state is None:
            self.executions.remove(execution)
        self.check()

    @precondition(lambda self: self.executions)
    @rule(index=INDEX, most=st.integers(1, 8))
    def steps(self, index: int, most: int) -> None:
        """An execution enters several states without a fault."""
        execution = self.executions[index % len(self.executions)]
        while most and execution in self.executions:
            self.step(self.executions.index(execution), "")
            most -= 1

    @precondition(lambda self: self.executions)
    @rule(index=INDEX)
    def finish(self, index: int) -> None:
        """An execution runs to its end without a fault."""
        execution = self.executions[index % len(self.executions)]
        while execution in self.executions:
            self.step(self.executions.index(execution), "")

    @precondition(lambda self: self.executions)
    @rule(index=INDEX, lease=st.booleans())
    def die(self, index: int, lease: bool) -> None:
        """An execution is lost, perhaps so long ago that its lease has expired."""
        self.executions.pop(index % len(self.executions))
        if lease:
            self.wait()

    # Invariants

    def check(self) -> None:
        assert self.order is not None
        state = self.order.state
        # It is looked at again until its end.
        assert (self.order.open_shard is not None) == (state not in TERMINAL_STATES)
        assert (self.order.check_after is not None) == (state not in TERMINAL_STATES)
        # It is in the index of deferred orders as long as it is open.
        deferred = self.order.deferred_since is not None
        assert (self.order.deferred_shard is not None) == deferred
        assert not deferred or state in OPEN_STATES
        # Nothing is taken from a shipment that has left.
        assert not self.services.dispatched or self.services.done == set(ACTIONS)
        assert "BookShipment" not in self.dead_lettered
        # From then on it is in the index of closed orders.
        assert (self.order.closed_shard is not None) == (state in TERMINAL_STATES)
        # The first cancellation determines the reason.
        if state in (OrderState.CONFIRMED, OrderState.DISPATCHED):
            assert self.order.reason is None
        if state in (OrderState.WITHDRAWN, OrderState.CANCELLED):
            assert (self.order.reason, self.order.explanation) == (
                self.cancel_reason,
                f"{self.cancel_reason}!",
            )
        if state == OrderState.CONFIRMED:
            assert self.services.done == set(ACTIONS)
        if state == OrderState.DISPATCHED:
            assert self.services.dispatched
            assert self.services.done == set(ACTIONS)
        if state in (OrderState.CANCELLED, OrderState.REJECTED):
            assert self.services.done <= self.dead_lettered
        # A compensation by an earlier execution is no reason.
        assert self.order.reason != Undone.__name__

    def teardown(self) -> None:
        """After republishing, the order reaches the final state that its customer was promised.

        An order may be dispatched before its cancellation reaches the shipment.
        """
        for _ in range(4):
            while self.executions:
                self.step(0, "")
            self.wait()
            for event in self.republish():
                if event.data.detail_type in MACHINES:
                    self.start(event)
        if self.services.dispatched:
            self.dispatch(meanwhile=False, index=0, fault="")
        assert self.order is not None
        assert self.order.state in (
            OrderState.CONFIRMED,
            OrderState.REJECTED,
            OrderState.CANCELLED,
            OrderState.DISPATCHED,
        )
        if self.acknowledged:
            assert self.order.state != OrderState.CONFIRMED
        if self.services.dispatched:
            assert self.order.state == OrderState.DISPATCHED
        self.check_holds()

    def check_holds(self) -> None:
        """Each requested hold has one OrderHeld, or one OrderHoldMissed, or one of each."""
        assert self.order is not None
        events = [
            f
            for f in self.published.values()
            if f.data.detail_type in ("OrderHeld", "OrderHoldMissed")
        ]
        held = [event.metadata.causation_id for event in events if type(event.data) is OrderHeld]
        missed = [
            event.metadata.causation_id for event in events if type(event.data) is OrderHoldMissed
        ]
        assert len(set(held)) == len(held)
        assert len(set(missed)) == len(missed)
        assert {*held, *missed} == self.hold_causes
        # Both only if the shipment was dispatched before shipping received the hold.
        assert self.services.dispatched or not set(held) & set(missed)
        if self.order.state == OrderState.DISPATCHED:
            assert not self.order.held
        assert sorted(self.published) == list(range(1, self.order.sequence + 1))

    def wait(self) -> None:
        """Wait until every lease has expired; no execution runs that long."""
        self.now += LEASE + 1
        self.executions.clear()

    # Helpers

    def start(self, event: EventEnvelope[Any]) -> None:
        self.started += 1
        detail = {
            "metadata": encode(event.metadata),
            "data": {"order_id": event.data.order_id},
        }
        self.executions.append(Execution(self.started, event.data.detail_type, detail))

    def write(self, **update: Any) -> bool:
        try:
            self.dynamodb.update_item(TableName=self.table, **update)
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        self.relay()
        return True

    def published_types(self) -> set[str]:
        return {event.data.detail_type for event in self.published.values()}

    def row(self) -> Order:
        assert self.order is not None
        return self.order

    def relay(self) -> None:
        """Read the row and publish the event of its change, as the relay does."""
        before, self.order = self.order, self.orders.find(self.first.order_id, customer_id="17850")
        assert self.order is not None
        event = event_for_change(before, self.order)
        claimed = {None, *(self.order.claimed_by or ())}
        assert self.order.claim_owner in claimed
        if before is None:
            assert event is not None
        else:
            assert claimed >= {*(before.claimed_by or ())}
            assert self.order.sequence - before.sequence == (event is not None)
            if before.state != self.order.state:
                assert (before.state, self.order.state) in self.ways
                assert event is not None
                assert not (self.acknowledged and self.order.state == OrderState.CONFIRMED)
        if event:
            assert event.metadata.sequence not in self.published
            self.published[event.metadata.sequence] = event

    def republish(self) -> list[EventEnvelope[Any]]:
        assert self.order is not None
        if not is_stalled(self.order, now=self.now) and not is_undispatched(self.order):
            return []
        event = event_for_change(None, self.order)
        assert event == self.published[self.order.sequence - self.order.out_of_band_events]
        return [event] if event else []


@pytest.fixture
def life(dynamodb: Any) -> Callable[[], Life]:
    table = make_orders_table(dynamodb)
    number = iter(range(1_000_000))
    return lambda: Life(dynamodb, table, lambda: next(number))


def test_any_interleaving_ends_in_the_promised_state(life: Callable[[], Life]):
    run_state_machine_as_test(
        cast(type[Life], life),
        settings=settings(
            max_examples=60,
            stateful_step_count=24,
            database=None,
            # A failure is not shrunk: that takes minutes.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_order_dispatched_before_its_cancellation_has_no_reason(life: Callable[[], Life]):
    order = life()
    order.finish(index=0)
    order.pick()
    order.cancel(meanwhile=False, index=0, fault="", reason="DuplicateOrder")
    order.deliver(index=1)
    order.finish(index=0)

    assert (order.row().state, order.row().reason) == (OrderState.DISPATCHED, None)


@pytest.mark.parametrize("trouble", ["before", "after"])
@pytest.mark.parametrize("confirmed", [False, True])
def test_nothing_is_refunded_or_released_until_shipping_has_answered(
    life: Callable[[], Life], trouble: str, confirmed: bool
):
    """It is cancelled in the end, unless it left meanwhile."""
    order = life()
    if confirmed:
        order.finish(index=0)
        order.cancel(meanwhile=False, index=0, fault="", reason="Cancelled")
        order.deliver(index=1)
    else:
        order.steps(index=0, most=4)
        order.cancel(meanwhile=False, index=0, fault="", reason="Cancelled")
    for deferrals in (1, 2):
        while order.executions[0].state != "CancelShipment":
            order.step(index=0, fault="")
        order.step(index=0, fault=trouble)
        order.finish(index=0)
        assert order.services.done >= {"ReserveStock", "TakePayment"}
        row = order.row()
        assert (row.deferrals, row.deferred_because) == (
            deferrals,
            "CancelShipment: Lambda.Unknown",
        )
        (event,) = order.republish()
        order.start(event)
    if confirmed and trouble == "before":
        order.pick()
        order.finish(index=0)
        assert order.row().state == OrderState.DISPATCHED
    else:
        order.finish(index=0)
        assert (order.row().state, order.services.done) == (OrderState.CANCELLED, set())


@pytest.mark.parametrize("trouble", ["before", "after"])
@pytest.mark.parametrize("action", [*ACTIONS, "Confirm"])
def test_order_is_deferred_not_undone_when_an_action_fails(
    life: Callable[[], Life], action: str, trouble: str
):
    order = life()
    while order.executions[0].state != action:
        order.step(index=0, fault="")
    order.step(index=0, fault=trouble)
    order.finish(index=0)
    written = (action, trouble) == ("Confirm", "after")
    assert order.row().state == (OrderState.CONFIRMED if written else OrderState.PLACED)
    assert order.row().deferred_step == (None if written else action)

    order.deliver(index=0)
    order.finish(index=0)

    assert (order.row().state, order.row().deferred_since) == (OrderState.CONFIRMED, None)


def test_cancellation_on_record_at_the_claim_stops_the_saga_before_money_moves(
    life: Callable[[], Life],
):
    order = life()
    order.step(index=0, fault="")
    order.step(index=0, fault="before")
    order.finish(index=0)
    order.cancel(meanwhile=False, index=0, fault="", reason="Cancelled")
    assert (order.row().state, order.row().check_after) == (OrderState.PLACED, order.time)

    order.deliver(index=0)
    order.step(index=0, fault="")
    order.step(index=0, fault="")
    assert order.executions[0].state == "CancelShipment"
    order.finish(index=0)

    assert order.row().state == OrderState.CANCELLED


def test_refusal_that_is_deferred_while_undoing_keeps_its_reason(life: Callable[[], Life]):
    order = life()
    order.steps(index=0, most=2)
    order.step(index=0, fault="refuse")
    while order.executions[0].state != "Reject":
        order.step(index=0, fault="")
    order.step(index=0, fault="before")
    order.finish(index=0)
    assert (order.row().state, order.row().reason) == (OrderState.PLACED, "Refused")

    order.deliver(index=0)
    order.finish(index=0)

    assert (order.row().state, order.row().reason) == (OrderState.REJECTED, "Refused")


def test_repeated_request_of_an_expired_dispatched_order_refunds_nothing(
    life: Callable[[], Life],
):
    """The row is new because the old one had expired; the services still have their rows."""
    order = life()
    order.ways = {*WAYS, (OrderState.PLACED, OrderState.DISPATCHED)}
    order.services.states = dict.fromkeys(ACTIONS, "done") | {"BookShipment": "dispatched"}
    order.step(index=0, fault="")
    order.cancel(meanwhile=False, index=0, fault="", reason="Cancelled")
    order.finish(index=0)

    assert (order.row().state, order.row().reason) == (OrderState.DISPATCHED, None)
    assert order.services.done == set(ACTIONS)


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_execution_that_takes_over_while_undoing_keeps_the_reason(
    life: Callable[[], Life], is_cancelled: bool
):
    """A refunded payment is no reason; a cancellation is one."""
    order = life()
    order.steps(index=0, most=3)
    if is_cancelled:
        order.cancel(meanwhile=False, index=0, fault="", reason="DuplicateOrder")
    order.step(index=0, fault="" if is_cancelled else "refuse")
    while order.executions[0].state != "RefundPayment":
        order.step(index=0, fault="")
    order.step(index=0, fault="")
    order.die(index=0, lease=True)
    order.deliver(index=0)
    order.finish(index=0)

    row = order.row()
    expected = (
        (OrderState.CANCELLED, "DuplicateOrder")
        if is_cancelled
        else (OrderState.REJECTED, "TechnicalFailure")
    )
    assert (row.state, row.reason) == expected
