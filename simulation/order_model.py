"""One order, and everything that can happen to it, in every order.

The guards are not copied: requests of sagas are those of the deployed definitions, and commands and
events are handled by the real handlers. The model only says what may happen when: who acts next,
what is late, what fails, what comes twice. ADR 38 says what is simplified.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lambdas.contracts.order_states import (
    HOLDABLE_STATES,
    OPEN_STATES,
    TERMINAL_STATES,
    UNDONE_STATES,
    OrderState,
)
from lambdas.orders.domain import Order
from lambdas.orders.stalled_orders import is_stalled
from simulation.exploration import Move
from simulation.kernel import START
from simulation.order_world import Execution, Late, World
from simulation.pure_handlers import PureHandlers
from simulation.row_events import (
    ORDER_ID,
    dispute,
    expired,
    has_left,
    order_event,
    order_in,
    picked,
    state_in,
    type_of,
)
from simulation.saga_walk import SAGAS, STEPS, At, SagaWalk

WAREHOUSE, HOLDS = "the warehouse", "lambdas.shipping.apply_hold"
CONSUMERS: Mapping[str, Sequence[str]] = {
    "OrderConfirmed": (WAREHOUSE,),
    "OrderPicked": ("lambdas.shipping.dispatch_shipment",),
    "OrderHeld": (HOLDS,),
    "OrderHoldLifted": (HOLDS,),
    "ShipmentDispatched": ("lambdas.orders.mark_dispatched", "lambdas.inventory.ship_stock"),
}
"""The consumers of events: handlers, and the warehouse, which picks. Sagas begin by ``BEGINS``."""
BEGINS = {event.__name__: saga for saga, (event, _) in SAGAS.items()}
COMMANDS = {"lambdas.payments.take_payment": "TakePayment",
            "lambdas.payments.refund_payment": "RefundPayment"}  # fmt: skip
ACTIONS = tuple(step.action.name for step in STEPS)
NOW = int(START.timestamp())
IDS = "abc"
"""The ids of executions. That of one that is gone is given to another."""
LATE = "States.Timeout"
BROKEN = "Broken"
"""How a task fails when its function is broken, which is no transient error."""


class OrderModel:
    """The moves of the world."""

    def __init__(self, handlers: PureHandlers, *, executions: int) -> None:
        """``executions`` is how many there are at once, at most."""
        self._handlers = handlers
        self._ids = IDS[:executions]
        self._sagas = {name: SagaWalk(name) for name in SAGAS}

    def moves(self, world: World) -> Iterator[Move[World]]:
        """Yield what can happen next."""
        yield from self._begin(world)
        for execution in world.executions:
            yield from self._go_on(world, execution)
            if world.faults:
                yield from self._fail(world._replace(faults=world.faults - 1), execution)
        for late in world.late:
            rest = world._replace(late=world.late - {late})
            yield Move(f"{late} never arrives", rest)
            yield Move(f"{late} takes effect late", self._take_effect(rest, late))
        for event in world.events:
            for consumer in CONSUMERS.get(type_of(event), ()):
                yield self._deliver(world, event, consumer)
        yield from self._act(world)

    def _begin(self, world: World) -> Iterator[Move[World]]:
        """An execution begins: the event comes first or again, or is published again."""
        order = order_in(world.rows.order)
        again = order_event("", world.rows.order) if is_stalled(order, now=NOW) else ""
        busy = {e.id for e in world.executions} | {order.claim_owner}
        busy |= {late.sender for late in world.late}
        for event in world.events:
            saga = BEGINS.get(type_of(event))
            id = next((id for id in self._ids if id not in busy), "")
            if saga is None or not id:
                continue
            execution = Execution(id, saga, event, self._sagas[saga].first(id, event))
            with_it = world.with_execution(execution)
            for move in self._go_on(with_it, execution):
                text = f"{saga} {id} begins: {move.text}"
                yield Move(text, move.after, progress=event == again)
            if world.faults:
                yield from self._fail(with_it._replace(faults=world.faults - 1), execution)

    def _go_on(self, world: World, execution: Execution) -> Iterator[Move[World]]:
        """A task of an execution takes effect, or makes one of its calls."""
        saga = self._sagas[execution.saga]
        kind, arguments = saga.request(execution.id, execution.event, execution.at)
        after, payload, error, done = self._perform(world, kind, arguments, execution.done)
        if not payload:
            going = execution._replace(done=done)
        else:
            at = saga.after(execution.id, execution.event, execution.at, payload, error, True)
            claimed = execution.at.task.startswith("Claim") and not error
            wished = claimed and order_in(world.rows.order).cancel_requested_at is not None
            going = execution._replace(at=at, done=(), wished=execution.wished or wished)
        text = f"{execution.id} {execution.at.task}" + (f": {error}" if error else "")
        yield Move(text, after.with_execution(going))

    def _fail(self, world: World, execution: Execution) -> Iterator[Move[World]]:
        """An execution gives up waiting, or dies. Its request may still take effect."""
        saga, (id, _, event, at, done, _) = self._sagas[execution.saga], execution
        late = world._replace(late=world.late | {Late(*saga.request(id, event, at), done)})
        text = f"{id} {at.task}"
        same = late.with_execution(execution._replace(done=()))
        yield Move(f"{text}: no answer, asks again", same, False)
        for error in (LATE, BROKEN):
            then = saga.after(id, event, at, "{}", error, False)
            after = late.with_execution(execution._replace(at=then, done=()))
            yield Move(f"{text}: {error}, gives up", after, False)
        gone = late.with_execution(execution._replace(at=At()))
        yield Move(f"{text}: the execution dies", gone, False)

    def _act(self, world: World) -> Iterator[Move[World]]:
        """A customer, the card company, an operator or the clock acts."""
        order, card = order_in(world.rows.order), state_in(world.rows.card)
        if world.cancellations:
            request = {
                "pathParameters": {"order_id": order.order_id},
                "requestContext": {"authorizer": {"jwt": {"claims": {"sub": order.customer_id}}}},
            }
            after = self._run(world, "lambdas.orders.cancel_order", json.dumps(request))
            after = after._replace(cancellations=world.cancellations - 1)
            yield Move("the customer cancels", after, False)
        yield from self._dispute(world, order)
        if order.state in OPEN_STATES and order.claim_until:
            over = world._replace(rows=world.rows._replace(order=expired(world.rows.order)))
            if order.claim_owner not in {execution.id for execution in world.executions}:
                yield Move("the lease ends", over)
            elif world.faults:
                # A lease is longer than its execution can run, unless a clock is wrong.
                fewer = over._replace(faults=world.faults - 1)
                yield Move("the lease ends too early", fewer, False)
        for repair in world.repairs:
            message = json.loads(repair)
            if message.get("compensation") == "RefundPayment" and card == "DISPUTED":
                continue
            rest = world._replace(repairs=world.repairs - {repair})
            if "record" in message and order.state != OrderState.PLACED:
                yield Move("an operator sees what became of the record", rest)
            elif "compensation" in message and order.state in TERMINAL_STATES:
                yield Move("an operator repairs", self._repair(rest, message))

    def _dispute(self, world: World, order: Order) -> Iterator[Move[World]]:
        """The charge is disputed, the dispute is decided, an operator acts on the decision.

        A dispute takes weeks: it is lost only when shipping holds the order, or all is undone.
        """
        card = state_in(world.rows.card)
        if world.disputes:
            after = self._run(world, "lambdas.orders.hold_order", dispute(world.disputes))
            after = self._decide(after, operation="dispute")
            yield Move("the charge is disputed", after._replace(disputes=world.disputes - 1), False)
        if card == "DISPUTED":
            won = self._decide(world, operation="decide", won=True)
            yield Move("the dispute is won", won)
            received = all(
                (event, HOLDS) in world.delivered
                for event in world.events
                if HOLDS in CONSUMERS.get(type_of(event), ())
            )
            stays = received and order.held and not has_left(world.rows.shipment)
            holds = stays and order.state == OrderState.CONFIRMED
            if holds or order.state in UNDONE_STATES:
                lost = self._decide(world, operation="decide", won=False)
                yield Move("the dispute is lost", lost)
            return
        for hold in order.held:
            is_lost = card == "CHARGED_BACK"
            if is_lost and order.state not in HOLDABLE_STATES:
                continue
            lift = {"order_id": order.order_id, "cause": hold.cause, "cancel": is_lost}
            after = self._run(world, "lambdas.orders.lift_hold", json.dumps(lift))
            done = "cancels the order" if is_lost else "lifts the hold"
            yield Move(f"an operator {done}", after)

    def _decide(self, world: World, **request: object) -> World:
        """Let the card company act on the order's charge."""
        payload = json.dumps({"key": ORDER_ID, **request})
        return self._run(world, "simulators.card_provider.handle_request", payload)

    def _repair(self, world: World, message: Mapping[str, Any]) -> World:
        """Call a compensation until it has ended."""
        request = json.dumps({"FunctionName": message["function"], "Payload": message["payload"]})
        payload, done = "", tuple[Any, ...]()
        while not payload:
            world, payload, _, done = self._perform(world, "invoke", request, done)
        return world

    def _deliver(self, world: World, event: str, consumer: str) -> Move[World]:
        """An event reaches a consumer; again, if that fails."""
        if consumer == WAREHOUSE:
            after = world._replace(events=world.events | {picked(event)})
        else:
            answer = self._handlers.run(consumer, event, world.rows)
            after = world.after(answer.writes)
            if answer.error:
                return Move(f"{type_of(event)} fails: {answer.error}", after)
        if consumer == HOLDS and not has_left(world.rows.shipment):
            sequence = json.loads(event)["detail"]["metadata"]["sequence"]
            known = max(world.known_hold, (sequence, type_of(event) == "OrderHeld"))
            after = after._replace(known_hold=known)
        after = after._replace(delivered=world.delivered | {(event, consumer)})
        text = f"{type_of(event)} reaches {consumer}"
        return Move(text, after, progress=(event, consumer) not in world.delivered)

    def _take_effect(self, world: World, late: Late) -> World:
        after, payload, _, done = self._perform(world, *late)
        return after if payload else after._replace(late=after.late | {late._replace(done=done)})

    def _perform(
        self, world: World, kind: str, arguments: str, done: tuple[Any, ...]
    ) -> tuple[World, str, str, tuple[Any, ...]]:
        """Carry out a task, or one call of a command of payments.

        Return the world, the payload (empty if the command goes on), the error, and the answers.
        """
        if kind == "updateItem":
            answer = self._handlers.write(arguments, world.rows)
        elif kind == "sendMessage":
            message = json.dumps(json.loads(arguments)["MessageBody"])
            return world._replace(repairs=world.repairs | {json.loads(message)}), "{}", "", ()
        else:
            called = json.loads(arguments)
            module, payload = called["FunctionName"], json.dumps(called["Payload"])
            if module in COMMANDS:
                command = COMMANDS[module]
                payment, done, answer = self._handlers.pay(
                    command, payload, done, world.payment, world.rows
                )
                world = world._replace(payment=payment)
            else:
                answer = self._handlers.run(module, payload, world.rows)
        return world.after(answer.writes), answer.payload, answer.error, done

    def _run(self, world: World, module: str, payload: str) -> World:
        return world.after(self._handlers.run(module, payload, world.rows).writes)
