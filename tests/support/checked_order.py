"""One order, the executions of its sagas and the services; each change of it is checked."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from lambdas.contracts.codec import encode
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.orders import (
    OPEN_STATES,
    TERMINAL_STATES,
    OrderHeld,
    OrderHoldMissed,
    OrderState,
)
from lambdas.orders.domain import Order
from lambdas.orders.events import event_for_change
from lambdas.orders.stalled_orders import is_stalled, is_undispatched
from tests.support.order_requests import placed
from tests.support.saga_simulator import ACTIONS, LEASE, Execution, Services, Undone
from tests.support.stored_orders import StoredOrders

WAYS = {
    (OrderState.PLACED, OrderState.CONFIRMED),
    (OrderState.PLACED, OrderState.REJECTED),
    (OrderState.PLACED, OrderState.CANCELLED),
    (OrderState.CONFIRMED, OrderState.WITHDRAWN),
    (OrderState.WITHDRAWN, OrderState.CANCELLED),
    (OrderState.CONFIRMED, OrderState.DISPATCHED),
    (OrderState.WITHDRAWN, OrderState.DISPATCHED),
}


class CheckedOrder(RuleBasedStateMachine):
    """An order's row, the events that it published, and what is true of both after each change."""

    def __init__(self, dynamodb: Any, table: str, numbers: Callable[[], int]) -> None:
        super().__init__()
        self.dynamodb, self.table = dynamodb, table
        self.orders = StoredOrders(table, dynamodb=dynamodb)
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

    @property
    def time(self) -> str:
        return datetime.fromtimestamp(self.now, UTC).isoformat()

    # What may change it

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

    def wait(self) -> None:
        """Wait until every lease has expired; no execution runs that long."""
        self.now += LEASE + 1
        self.executions.clear()

    # What is true of it

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
