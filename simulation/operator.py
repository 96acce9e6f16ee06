"""An operator, who redrives, repairs, lifts holds and resumes orders, also at bad moments.

The operations are those of `python -m ops`: with the same functions, the same payloads, and the
same checks before a repair.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from lambdas.contracts.order_states import UNDONE_STATES
from lambdas.contracts.orders import DISPUTED
from lambdas.orders.domain import HoldState
from lambdas.orders.rows import is_tombstone, order_of
from simulation.card_company import card_states, decide_disputes
from simulation.functions import Outcome
from simulation.invariants import BrokenPromiseError
from simulation.mail import is_about
from simulation.queues import Queue, Sent
from simulation.world import World
from simulators.card_provider.domain import State

UNKNOWN = re.compile(r"EmailOutcomeUnknownError: sending the e-mail (\w+) of order (\w+) began")
"""The error of an invocation that leaves it to a person whether a mail was sent."""
POISON = "an event that nobody can read"
UNREAD = ("ContractError", "UnknownEventError")
"""The errors of a consumer that cannot read an event."""
SINKS = ("DeadLetters", "Undelivered", "Repair", "FailureRecords")
"""What the names of failure sinks have."""
LATEST_MAIL = 120
"""Seconds after which no attempt at a mail is under way any more."""


class Operator:
    """Clears the failure sinks, and handles the orders that need attention."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.on_dead_letter: Callable[[str], object] = lambda _: None
        """Gets the text of each dead letter."""
        self.purged: set[str] = set()
        """The sinks in which there was an event that nobody can read, with the reason."""
        self._consumers = {
            queue.dead_letters.name: queue for queue in world.queues.values() if queue.dead_letters
        }
        self._rules = {target.rule: target for target in world.targets()}

    def begin(self) -> None:
        """Call ``clear`` now and then, as long as there are faults."""
        chance, kernel = self._world.chance, self._world.kernel
        for _ in range(int(chance.draw("operator") * 5)):
            kernel.after(chance.between("operator", 0, 5_000), self.clear)

    def clear(self) -> None:
        """Redrive every dead letter, resume the deferred orders, lift the holds.

        The hold of a dispute is lifted once it is won; an order whose dispute is lost is cancelled.
        """
        decide_disputes(self._world)
        cards = card_states(self._world)
        for queue in list(self._world.queues.values()):
            if self.is_sink(queue):
                for message in list(queue.messages):
                    self._redrive(queue, message)
        for batches in self._world.failed_batches():
            for key, stored in list(batches.items()):
                content = json.loads(stored)
                gone = partial(_forget, batches, key)
                self._invoke(content["function"], {"Records": content["records"]}, gone)
        for row in self._world.tables.rows(self._world.table("Orders", "Orders")):
            if is_tombstone(row):
                continue
            order = order_of(row)
            if order.deferred_since and self._world.chance.draw("resume") < 0.5:
                self._call("orders.resume_order", {"order_id": order.order_id})
            for hold in order.holds:
                card = cards.get(order.order_id)
                lost = hold.reason == DISPUTED and card == State.CHARGED_BACK
                if hold.state == HoldState.HELD and card != State.DISPUTED:
                    command = {"order_id": order.order_id, "cause": hold.cause, "cancel": lost}
                    self._call("orders.lift_hold", command)

    def left_in(self, queue: Queue) -> bool:
        """Return whether the queue is a failure sink, and not empty."""
        return bool(queue.messages) and self.is_sink(queue)

    def is_sink(self, queue: Queue) -> bool:
        """Return whether the queue is a failure sink, which only an operator empties."""
        return any(kind in queue.name for kind in SINKS)

    def _redrive(self, queue: Queue, message: Sent) -> None:
        self.on_dead_letter(message.body)
        content = json.loads(message.body)
        poisoned, refused = _is_poison(content), _refusal(message, content)
        if refused and not poisoned:
            raise BrokenPromiseError(12, f"{queue.name}: {refused}", _about(content))
        if consumed := self._consumers.get(queue.name):
            queue.delete(message)
            consumed.send(message.body, group=message.group, deduplication=message.deduplication)
            return
        gone = partial(queue.delete, message)
        if poisoned:
            self.purged.add(queue.name)
            gone()
            return
        match content:
            case {"event": event, "rule": rule}:
                self._rules[rule].deliver(event)
                gone()
            case {"records": records, "function": function}:
                self._invoke(function, {"Records": records}, gone)
            case {"requestPayload": {}, "function": function} if not content["requestPayload"]:
                gone()  # A scheduled run: the next one does its work.
            case {"error": str(error)} if (unknown := UNKNOWN.match(error)) and (
                not self._note_outcome(unknown[2], unknown[1])
            ):
                pass  # Too early to say.
            case {"requestPayload": payload, "function": function}:
                self._world.asynchronous.add(self._world.functions[function], payload)
                gone()
            case {"compensation": name, "function": function, "payload": payload}:
                self._repair(name, function, payload, gone)
            case {"record": order_id, "write": _}:
                if self._state(order_id) != "PLACED":
                    gone()
            case _:
                raise ValueError(f"{queue.name} has an unknown dead letter: {content}")

    def _note_outcome(self, order_id: str, kind: str) -> bool:
        """Record whether SES has taken a mail, once that is certain; return whether it is."""
        table, key = self._world.table("Notifications", "EmailRecords"), (order_id, kind)
        for row in list(self._world.tables.rows(table)):
            if (row["order_id"], row["kind"]) != key or row["state"] != "SENDING":
                continue
            began = datetime.fromisoformat(row["changed_at"]).timestamp()
            if self._world.kernel.now < began + LATEST_MAIL:
                return False
            request: dict[str, Any] = {
                "TableName": table,
                "Key": {"order_id": {"S": order_id}, "kind": {"S": kind}},
            }
            operation = "delete_item"
            if any(is_about(mail, *key) for mail in self._world.mail.accepted):
                operation = "update_item"
                request |= {
                    "UpdateExpression": "SET #state = :sent",
                    "ExpressionAttributeNames": {"#state": "state"},
                    "ExpressionAttributeValues": {":sent": {"S": "SENT"}},
                }
            self._world.tables.perform(operation, request)
        return True

    def _repair(
        self, name: str, function: str, payload: dict[str, Any], gone: Callable[[], None]
    ) -> None:
        """Call a compensation that failed for good, if its order was undone."""
        order_id = payload["order_id"]
        state = self._state(order_id)
        if state in ("CONFIRMED", "DISPATCHED"):
            gone()
        elif state in UNDONE_STATES:
            completed = {"order_id": order_id, "compensation": name}
            mark = self._world.function("orders.mark_compensation_completed").name
            self._invoke(function, payload, lambda: self._invoke(mark, completed, gone))

    def _state(self, order_id: str) -> str:
        rows = self._world.tables.rows(self._world.table("Orders", "Orders"))
        return next((row["state"] for row in rows if row["order_id"] == order_id), "")

    def _call(self, function: str, command: dict[str, Any]) -> None:
        self._invoke(self._world.function(function).name, command, lambda: None)

    def _invoke(self, function: str, payload: dict[str, Any], then: Callable[[], None]) -> None:
        def done(outcome: Outcome) -> None:
            failed = (outcome.payload or {}).get("batchItemFailures")
            if not outcome.error and not failed:
                then()

        self._world.functions[function].invoke(payload, done)


def _is_poison(content: dict[str, Any]) -> bool:
    """Whether a dead letter says that its consumer can never read the event POISON."""
    match content:
        case {"error": str(error), "requestPayload": payload}:
            return error.startswith("ContractError") and POISON in json.dumps(payload)
        case {"reason": str(_), "record": {"kinesis": {"data": str(data)}}}:
            return POISON in b64decode(data).decode()
    return False


def _refusal(message: Sent, content: dict[str, Any]) -> str:
    """Return why a consumer could not read a message, if that is why it is a dead letter."""
    match content:
        case {"reason": str(reason)}:
            return reason
        case {"error": str(error)} if error.startswith(UNREAD):
            return error
        case {"error": {"Error": "UnreadableEvent", "Cause": cause}}:
            return str(cause)
    return str(message.attributes.get("reason", {}).get("StringValue", ""))


def _about(content: dict[str, Any]) -> str:
    """Return the id of the order that a dead letter is about, if it says so."""
    match content:
        case {"requestPayload": {"detail": {"metadata": {"subject": order_id}}}}:
            return str(order_id)
        case {"record": str(order_id)}:
            return order_id
    return ""


def _forget(batches: dict[str, bytes], key: str) -> None:
    batches.pop(key, None)
