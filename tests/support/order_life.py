"""What may happen to one order, in any sequence, and what it comes to in the end."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from lambdas.contracts.orders import HOLDABLE_STATES, OrderState
from lambdas.orders.cancellation import TooLateError, cancel
from lambdas.orders.domain import NotDeferredError, Order
from lambdas.orders.domain import dispatch as dispatch_order
from lambdas.orders.holds import NoSuchHoldError, hold, lift_hold, mark_hold_missed
from lambdas.orders.stalled_orders import (
    is_stalled,
    is_undispatched,
    request_attention,
    reschedule_check,
    resume,
)
from tests.support.checked_order import CheckedOrder
from tests.support.saga_simulator import MACHINES, UNDOES

MAX_EXECUTIONS = 4
"""The most concurrent executions."""
FAULTS = st.sampled_from(["", "", "", "", "lost", "refuse", "before", "after"])
INDEX = st.integers(0, 9)
REASONS = st.sampled_from(["Cancelled", "DuplicateOrder"])
CAUSES = st.sampled_from(["dispute-1", "dispute-2", "doubt"])


class Life(CheckedOrder):
    """The life of one order: each rule is something that may happen next."""

    def __init__(self, dynamodb: Any, table: str, numbers: Callable[[], int]) -> None:
        super().__init__(dynamodb, table, numbers)
        self.repeat()
        self.deliver(0)

    @rule()
    def repeat(self) -> None:
        """The client repeats the request; the job republishes the order if it is stalled."""
        kept = self.orders.add(self.first)
        assert kept.order_id == self.first.order_id
        self.relay()
        self.republish()

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
