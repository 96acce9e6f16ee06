"""An order's sagas, jobs and requests in any interleaving, with crashes and redeliveries."""

from collections.abc import Callable
from datetime import UTC, datetime
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
    TERMINAL_STATES,
    OrderHeld,
    OrderHoldMissed,
    OrderState,
)
from lambdas.orders.cancellation import TooLateError, cancel
from lambdas.orders.domain import Order, UnexpectedDispatchError, dispatch
from lambdas.orders.events import event_for_change
from lambdas.orders.holds import NoSuchHoldError, hold, lift_hold, mark_hold_missed
from lambdas.orders.stalled_orders import is_stalled, reschedule_check
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
"""Executions that run at once."""
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
        self.told: dict[int, EventEnvelope[Any]] = {}
        self.acknowledged = False
        self.asked: set[str] = set()
        self.why: str | None = None
        self.order: Order | None = None
        self.ways = WAYS
        self.repeat()
        self.deliver(0)

    # What happens

    @rule()
    def repeat(self) -> None:
        """The client sends the order again; the schedule announces what nobody works on."""
        kept = self.orders.add(self.first)
        assert kept.order_id == self.first.order_id
        self.look()
        self.tell_again()

    @property
    def time(self) -> str:
        return datetime.fromtimestamp(self.now, UTC).isoformat()

    @rule(meanwhile=st.booleans(), index=INDEX, fault=FAULTS, reason=REASONS)
    def cancel(self, meanwhile: bool, index: int, fault: str, reason: str) -> None:
        """Somebody cancels; meanwhile the saga may go on between reading and writing."""
        steps = [partial(self.step, index, fault)] if meanwhile and self.executions else []

        def change(order: Order) -> Order:
            while steps:
                steps.pop()()
            return cancel(order, now=self.time, reason=reason, explanation=f"{reason}!")

        try:
            answer = self.orders.update(self.first.order_id, customer_id="17850", change=change)
        except TooLateError:
            self.look()
            assert self.order is not None
            assert self.order.state == OrderState.DISPATCHED
            return
        self.acknowledged = True
        self.why = self.why or reason
        self.look()
        self.check()
        if not meanwhile:
            assert answer == self.order

    @precondition(lambda self: "OrderConfirmed" in self.kinds_told())
    @rule()
    def pick(self) -> None:
        """The warehouse has picked the order, some time after it was confirmed."""
        self.services.dispatch()

    @precondition(lambda self: self.services.dispatched)
    @rule(meanwhile=st.booleans(), index=INDEX, fault=FAULTS)
    def hear_of_dispatch(self, meanwhile: bool, index: int, fault: str) -> None:
        """Orders hears that the shipment has left, once or again."""
        steps = [partial(self.step, index, fault)] if meanwhile and self.executions else []

        def change(order: Order) -> Order:
            while steps:
                steps.pop()()
            return dispatch(order, now=self.time)

        try:
            self.orders.update(self.first.order_id, change=change)
        except UnexpectedDispatchError:
            # Only where undoing the shipment failed, and a person has been told.
            assert "BookShipment" in self.dead_lettered
        self.look()
        while self.order and self.order.state == OrderState.DISPATCHED and self.order.held:
            self.orders.update(self.first.order_id, change=partial(mark_hold_missed, now=self.time))
            self.look()
        self.check()

    @rule(cause=CAUSES, meanwhile=st.booleans(), index=INDEX, fault=FAULTS)
    def hold(self, cause: str, meanwhile: bool, index: int, fault: str) -> None:
        """Something asks for the order to stay, once or again; meanwhile the saga may go on."""
        steps = [partial(self.step, index, fault)] if meanwhile and self.executions else []

        def change(order: Order) -> Order:
            while steps:
                steps.pop()()
            return hold(order, cause=cause, reason="Doubt", explanation="x", now=self.time)

        self.orders.update(self.first.order_id, change=change)
        self.asked.add(cause)
        self.look()
        self.check()

    @rule()
    def look_after(self) -> None:
        """The schedule has looked after the order, whatever has happened to it since."""
        if self.order and self.order.open_shard:
            seen, now = self.order, datetime.fromtimestamp(self.now, UTC)
            assert self.orders.replace(seen, reschedule_check(seen, now=now))
            self.look()

    @rule(cause=CAUSES)
    def lift_hold(self, cause: str) -> None:
        """An operator lifts a hold, which there may not be."""
        try:
            self.orders.update(
                self.first.order_id, change=partial(lift_hold, cause=cause, now=self.time)
            )
        except NoSuchHoldError:
            assert self.order is not None
            holding = {hold.cause for hold in self.order.held}
            assert cause not in holding or self.order.state not in HOLDABLE_STATES
        self.look()
        self.check()

    @precondition(lambda self: len(self.executions) < MAX_EXECUTIONS)
    @rule(index=INDEX)
    def deliver(self, index: int) -> None:
        """An event arrives, for the first time or again."""
        heard = [fact for fact in self.told.values() if fact.data.detail_type in MACHINES]
        self.start(heard[index % len(heard)])

    @precondition(lambda self: self.executions)
    @rule(index=INDEX, fault=FAULTS)
    def step(self, index: int, fault: str) -> None:
        """An execution plays a state, perhaps not without trouble."""
        execution = self.executions[index % len(self.executions)]
        execution.step(
            write=self.write, services=self.services, row=self.row, now=self.now, fault=fault
        )
        self.dead_lettered |= {UNDOES[undo] for undo in execution.dead_lettered}
        # A shipment that has left is no failure: nothing is undone, and nobody has to be called.
        assert not (execution.too_late and execution.dead_lettered)
        if execution.state is None:
            self.executions.remove(execution)
        self.check()

    @precondition(lambda self: self.executions)
    @rule(index=INDEX, most=st.integers(1, 8))
    def steps(self, index: int, most: int) -> None:
        """Several states without trouble: most of a saga's life."""
        execution = self.executions[index % len(self.executions)]
        while most and execution in self.executions:
            self.step(self.executions.index(execution), "")
            most -= 1

    @precondition(lambda self: self.executions)
    @rule(index=INDEX)
    def finish(self, index: int) -> None:
        """All of a saga's life without trouble."""
        execution = self.executions[index % len(self.executions)]
        while execution in self.executions:
            self.step(self.executions.index(execution), "")

    @precondition(lambda self: self.executions)
    @rule(index=INDEX, lease=st.booleans())
    def die(self, index: int, lease: bool) -> None:
        """An execution vanishes without a word; perhaps so long ago that its lease has run out."""
        self.executions.pop(index % len(self.executions))
        if lease:
            self.wait()

    # What holds

    def check(self) -> None:
        assert self.order is not None
        state = self.order.state
        # It is in the index of open orders until its end.
        assert (self.order.open_shard is not None) == (
            state in (OrderState.PLACED, OrderState.WITHDRAWN)
        )
        assert (self.order.check_after is not None) == (
            state in (OrderState.PLACED, OrderState.WITHDRAWN)
        )
        # It is in the index of those that are over from its end on.
        assert (self.order.closed_shard is not None) == (state in TERMINAL_STATES)
        # Whoever was the first to cancel it has said why.
        if state in (OrderState.CONFIRMED, OrderState.DISPATCHED):
            assert self.order.reason is None
        if state in (OrderState.WITHDRAWN, OrderState.CANCELLED):
            assert (self.order.reason, self.order.explanation) == (self.why, f"{self.why}!")
        if state == OrderState.CONFIRMED:
            assert self.services.done == set(ACTIONS)
        if state == OrderState.DISPATCHED:
            assert self.services.dispatched
            assert self.services.done == set(ACTIONS) or "BookShipment" in self.dead_lettered
        if state in (OrderState.CANCELLED, OrderState.REJECTED):
            assert self.services.done <= self.dead_lettered
        # That a saga before it has undone a step is no reason.
        assert self.order.reason != Undone.__name__

    def teardown(self) -> None:
        """Whatever happened: announced again, the order ends, and as its customer was told.

        It may have left before its cancellation got to the shipment: then it is dispatched.
        """
        for _ in range(4):
            while self.executions:
                self.step(0, "")
            self.wait()
            for fact in self.tell_again():
                self.start(fact)
        if self.services.dispatched:
            self.hear_of_dispatch(meanwhile=False, index=0, fault="")
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
            assert self.order.state == OrderState.DISPATCHED or "BookShipment" in self.dead_lettered
        self.check_holds()

    def check_holds(self) -> None:
        """Whatever asked for a hold was told once that it got it, or that it came too late."""
        assert self.order is not None
        facts = [
            f for f in self.told.values() if f.data.detail_type in ("OrderHeld", "OrderHoldMissed")
        ]
        held = [fact.metadata.causation_id for fact in facts if type(fact.data) is OrderHeld]
        missed = [
            fact.metadata.causation_id for fact in facts if type(fact.data) is OrderHoldMissed
        ]
        assert len(set(held)) == len(held)
        assert len(set(missed)) == len(missed)
        assert {*held, *missed} == self.asked
        # Both are told of a hold only where the shipment had left before shipping heard of it.
        assert self.services.dispatched or not set(held) & set(missed)
        if self.order.state == OrderState.DISPATCHED:
            assert not self.order.held
        assert sorted(self.told) == list(range(1, self.order.sequence + 1))

    def wait(self) -> None:
        """Until every lease has run out; no execution lives that long."""
        self.now += LEASE + 1
        self.executions.clear()

    # How

    def start(self, fact: EventEnvelope[Any]) -> None:
        self.started += 1
        detail = {
            "metadata": encode(fact.metadata),
            "data": {"order_id": fact.data.order_id},
        }
        self.executions.append(Execution(self.started, fact.data.detail_type, detail))

    def write(self, **update: Any) -> bool:
        try:
            self.dynamodb.update_item(TableName=self.table, **update)
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        self.look()
        return True

    def kinds_told(self) -> set[str]:
        return {fact.data.detail_type for fact in self.told.values()}

    def row(self) -> Order:
        assert self.order is not None
        return self.order

    def look(self) -> None:
        """See what became of the row, as the relay does."""
        before, self.order = self.order, self.orders.find(self.first.order_id, customer_id="17850")
        assert self.order is not None
        fact = event_for_change(before, self.order)
        claimed = {None, *(self.order.claimed_by or ())}
        assert self.order.claim_owner in claimed
        if before is None:
            assert fact is not None
        else:
            assert claimed >= {*(before.claimed_by or ())}
            assert self.order.sequence - before.sequence == (fact is not None)
            if before.state != self.order.state:
                assert (before.state, self.order.state) in self.ways
                assert fact is not None
                assert not (self.acknowledged and self.order.state == OrderState.CONFIRMED)
        if fact:
            assert fact.metadata.sequence not in self.told
            self.told[fact.metadata.sequence] = fact

    def tell_again(self) -> list[EventEnvelope[Any]]:
        assert self.order is not None
        if not is_stalled(self.order, now=self.now):
            return []
        fact = event_for_change(None, self.order)
        assert fact == self.told[self.order.sequence - self.order.out_of_band_events]
        return [fact] if fact else []


@pytest.fixture
def life(dynamodb: Any) -> Callable[[], Life]:
    table = make_orders_table(dynamodb)
    number = iter(range(1_000_000))
    return lambda: Life(dynamodb, table, lambda: next(number))


def test_an_order_ends_as_it_was_promised_whatever_happens(life: Callable[[], Life]):
    run_state_machine_as_test(
        cast(type[Life], life),
        settings=settings(
            max_examples=60,
            stateful_step_count=24,
            database=None,
            # A failure is shown as it was found: to shrink it takes minutes.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_had_left_before_it_could_be_cancelled_has_no_reason_to_be(life: Callable[[], Life]):
    order = life()
    order.finish(index=0)
    order.pick()
    order.cancel(meanwhile=False, index=0, fault="", reason="DuplicateOrder")
    order.deliver(index=1)
    order.finish(index=0)

    assert (order.row().state, order.row().reason) == (OrderState.DISPATCHED, None)


@pytest.mark.parametrize("trouble", ["", *ACTIONS])
def test_what_was_delivered_long_ago_is_not_given_back(life: Callable[[], Life], trouble: str):
    """Its row had expired, and the same request made it anew: the services remember it all."""
    order = life()
    order.ways = {*WAYS, (OrderState.PLACED, OrderState.DISPATCHED)}
    order.services.states = dict.fromkeys(ACTIONS, "done") | {"BookShipment": "dispatched"}
    order.step(index=0, fault="")
    if not trouble:
        order.cancel(meanwhile=False, index=0, fault="", reason="Cancelled")
    while order.executions:
        order.step(index=0, fault="before" if order.executions[0].state == trouble else "")

    assert (order.row().state, order.row().reason) == (OrderState.DISPATCHED, None)
    assert order.services.done == set(ACTIONS)


@pytest.mark.parametrize("wish", [True, False])
def test_who_takes_over_from_one_that_died_while_undoing_says_why(
    life: Callable[[], Life], wish: bool
):
    """A payment that was given back is no reason; that it was to be cancelled is one."""
    order = life()
    order.steps(index=0, most=3)
    if wish:
        order.cancel(meanwhile=False, index=0, fault="", reason="DuplicateOrder")
    order.step(index=0, fault="" if wish else "refuse")
    while order.executions[0].state != "RefundPayment":
        order.step(index=0, fault="")
    order.step(index=0, fault="")
    order.die(index=0, lease=True)
    order.deliver(index=0)
    order.finish(index=0)

    row = order.row()
    expected = (
        (OrderState.CANCELLED, "DuplicateOrder")
        if wish
        else (OrderState.REJECTED, "TechnicalFailure")
    )
    assert (row.state, row.reason) == expected
