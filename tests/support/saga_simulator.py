"""The two sagas of an order, played a state at a time by their own definitions.

The writes of the order are made in a real table, under the conditions that the definition states.
The three services behind it are played: each has done, undone or refused its part.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from lambdas.contracts.commands import Refusal
from lambdas.contracts.inventory import ReleaseStock, ReserveStock
from lambdas.contracts.orders import OrderState
from lambdas.contracts.orders_table import CONFIRMED_SHARD
from lambdas.contracts.payments import RefundPayment, TakePayment
from lambdas.contracts.shipping import BookShipment, CancelShipment
from lambdas.orders.domain import Order
from stacks.constructs.saga.catches import cancellation_reason
from stacks.constructs.saga.definition import build_definition
from stacks.constructs.saga.model import STANDARD_TIMEOUTS, CommandCall, SagaRecord, SagaStep
from stacks.constructs.saga.tasks import CONDITION_FAILED
from stacks.orders.saga_record import COLUMNS, FULFILMENT_STATES, WITHDRAWAL_STATES

TASKS = "arn:aws:states:::"
UPDATE, INVOKE, SEND = (
    f"{TASKS}{task}" for task in ("dynamodb:updateItem", "lambda:invoke", "sqs:sendMessage")
)
PAIRS = ((ReserveStock, ReleaseStock), (TakePayment, RefundPayment), (BookShipment, CancelShipment))
ACTIONS = {action.__name__: undo.__name__ for action, undo in PAIRS}
UNDOES = {undo: action for action, undo in ACTIONS.items()}
LEASE = STANDARD_TIMEOUTS.lease
UNLESS_CANCELLED = "{% $outcome = 'CANCELLED' ? "
DEFAULTS = {"reason": "Cancelled", "explanation": "cancelled by the customer"}


class Refused(Refusal):
    """What every service refuses with."""


class Undone(Refusal):
    """How every service refuses what its compensation came before."""


class TooLate(Refusal):
    """How shipping refuses to cancel what has left."""


def _call(command: Any) -> CommandCall:
    return CommandCall(command=command, function=cast(Any, SimpleNamespace(function_arn="arn")))


def _build_definition(**states: Any) -> dict[str, Any]:
    table = cast(Any, SimpleNamespace(table_name="orders"))
    return build_definition(
        record=SagaRecord(
            table=table,
            columns=COLUMNS,
            completed_check=3600,
            completed_shard=CONFIRMED_SHARD,
            **states,
        ),
        steps=[
            SagaStep(
                action=_call(action),
                refusals=(Refused,),
                already_compensated=(Undone,),
                compensation=_call(undo),
                irreversible=(TooLate,) if undo is CancelShipment else (),
            )
            for action, undo in PAIRS
        ],
        versions=[1],
        repair_queue=cast(Any, SimpleNamespace(queue_url="queue")),
        timeouts=STANDARD_TIMEOUTS,
    )


MACHINES = {
    "OrderPlaced": _build_definition(**FULFILMENT_STATES),
    "OrderWithdrawn": _build_definition(**WITHDRAWAL_STATES),
}
"""By the event that starts them."""


class Services:
    """What became of each action: done, undone, or refused, which is for good.

    A shipment that is done may be dispatched, and is then done for good.
    """

    def __init__(self) -> None:
        self.states: dict[str, str] = {}

    @property
    def done(self) -> set[str]:
        return {name for name, state in self.states.items() if state in ("done", "dispatched")}

    @property
    def dispatched(self) -> bool:
        return self.states.get("BookShipment") == "dispatched"

    def dispatch(self) -> None:
        """The order was picked: its shipment leaves, if it still is to."""
        if self.states.get("BookShipment") == "done":
            self.states["BookShipment"] = "dispatched"

    def call(self, command: str, *, refuses: bool) -> None:
        """Do or undo something; raises Refused, Undone or TooLate."""
        if command == "CancelShipment" and self.dispatched:
            raise TooLate
        if command in UNDOES:
            # A refusal is on record, and stays: there is nothing to undo.
            if self.states.get(UNDOES[command]) != "refused":
                self.states[UNDOES[command]] = "undone"
            return
        state = self.states.setdefault(command, "refused" if refuses else "done")
        if state == "undone":
            raise Undone
        if state == "refused":
            raise Refused


class Execution:
    """One execution of a saga: ``state`` is the one it is in, None once it has ended."""

    def __init__(self, number: int, event: str, detail: dict[str, Any]) -> None:
        self.me = f"execution-{number}"
        self.event = event
        self.dead_lettered: list[str] = []
        self.too_late = False
        """Whether a compensation was refused because its action is irreversible."""
        self._machine = MACHINES[event]
        self._sequence = detail["metadata"]["sequence"]
        self._version = detail["metadata"]["schema_version"]
        self._order_id = detail["data"]["order_id"]
        self._variables: dict[str, Any] = {}
        self._returned: Order | None = None
        # The check of the version reads only the input, so nothing can happen before it.
        self.state: OrderState | None = self._chosen(self._machine["StartAt"])

    def step(
        self,
        *,
        write: Callable[..., bool],
        services: Services,
        row: Callable[[], Order],
        now: int,
        fault: str = "",
    ) -> None:
        """Play the state.

        ``write`` makes an update and returns whether its condition held, ``row`` says what the row
        is. A ``fault`` is to refuse, or to fail before or after the effect, in every attempt;
        "lost" is an answer that got lost on the way back: the state is played again.
        """
        state = self._machine["States"][self.state]
        if state["Type"] != "Task":
            self.state = self._chosen(self.state)
            return
        error = self._play(state, write, services, row, now, fault)
        if fault == "lost":
            return
        self.too_late |= error == TooLate.__name__
        after = state if error is None else self._catch(state, error)
        for name, value in after.get("Assign", {}).items():
            if value and name == "dead_lettered":
                # The state is named after the compensation that it dead-letters.
                value = [*self.dead_lettered, str(self.state).removeprefix("DeadLetter")]
            if name == "taken_over":
                value = self._returned is not None and bool(self._returned.claimed_by)
            if name == "deferrals":
                value = (self._returned and self._returned.deferrals) or 0
            if name == "deferred_error":
                value = error
            if value == cancellation_reason(COLUMNS).get(name):
                value = getattr(self._returned, name) or DEFAULTS[name]
            if name == "outcome" and "cancel_requested_at" in str(value):
                wished = self._returned is not None and self._returned.cancel_requested_at
                value = OrderState.CANCELLED if wished else OrderState.REJECTED
            if name in DEFAULTS and str(value).startswith(UNLESS_CANCELLED):
                reported = value.partition(" : ")[2].removesuffix(" %}").strip("'")
                cancelled = self._variables["outcome"] == OrderState.CANCELLED
                value = self._variables[name] if cancelled else reported
                value = value.replace("$states.errorOutput.Error", str(error))
            self._variables[name] = value
        self.dead_lettered = self._variables.get("dead_lettered", [])
        self.state = after.get("Next")

    def _chosen(self, name: Any) -> Any:
        """The state that a choice leads to; None at an end."""
        state = self._machine["States"][name]
        chosen = (c["Next"] for c in state.get("Choices", []) if self._holds(c["Condition"]))
        return next(chosen, state.get("Default"))

    def _holds(self, condition: str) -> bool:
        source = condition.removeprefix("{% ").removesuffix(" %}")
        if source.startswith("$states.input.metadata.schema_version in "):
            return self._version in json.loads(source.partition(" in ")[2])
        if source == "$taken_over or $undo_from != 'Reject'":
            return bool(self._variables["taken_over"] or self._variables["undo_from"] != "Reject")
        if source.startswith("$undo_from = "):
            return bool(self._variables["undo_from"] == source.split("'")[1])
        return bool(
            self._variables[
                {
                    "$count($dead_lettered) > 0": "dead_lettered",
                    "$taken_over": "taken_over",
                    "$busy": "busy",
                }[source]
            ]
        )

    def _play(
        self,
        state: dict[str, Any],
        write: Callable[..., bool],
        services: Services,
        row: Callable[[], Order],
        now: int,
        fault: str,
    ) -> str | None:
        match state["Resource"]:
            case task if task == UPDATE:
                old, returned = row(), state["Arguments"].get("ReturnValues")
                if fault == "before":
                    return "DynamoDB.ThrottlingException"
                if not write(**self._written(state["Arguments"], now)):
                    return CONDITION_FAILED
                self._returned = {"ALL_OLD": old, "ALL_NEW": row(), None: None}[returned]
                return "DynamoDB.ThrottlingException" if fault == "after" else None
            case task if task == INVOKE:
                try:
                    if fault != "before":
                        services.call(str(self.state), refuses=fault == "refuse")
                except Refusal as refusal:
                    return type(refusal).__name__
                return "Lambda.Unknown" if fault in ("before", "after") else None
            case task if task == SEND:
                return None
        raise ValueError(f"unknown task: {state['Resource']}")

    def _catch(self, state: dict[str, Any], error: str) -> dict[str, Any]:
        for caught in state["Catch"]:
            if {error, "States.ALL"} & set(caught["ErrorEquals"]):
                return cast(dict[str, Any], caught)
        raise ValueError(f"{self.state} does not catch {error}")

    def _written(self, arguments: dict[str, Any], now: int) -> dict[str, Any]:
        return {
            "Key": {"order_id": {"S": self._order_id}},
            "UpdateExpression": arguments["UpdateExpression"],
            "ConditionExpression": arguments["ConditionExpression"],
            "ExpressionAttributeValues": {
                name: {kind: self._value(value, now) for kind, value in typed.items()}
                for name, typed in arguments["ExpressionAttributeValues"].items()
            },
        } | (
            {"ExpressionAttributeNames": names}
            if (names := arguments["ExpressionAttributeNames"])
            else {}
        )

    def _value(self, written: str | list[str], now: int) -> Any:
        """What a JSONata expression comes to; what is none stands for itself."""
        if isinstance(written, list):
            return [self._value(each, now) for each in written]
        if not written.startswith("{%"):
            return written
        seconds = "$floor($millis() / 1000)"
        source = written.removeprefix("{% ").removesuffix(" %}")
        if source.startswith("[$map($dead_lettered"):
            return [{"S": name} for name in self.dead_lettered]
        if source.startswith("$fromMillis($millis() + "):
            return f"{datetime.fromtimestamp(now + 30, UTC):%Y-%m-%dT%H:%M:%S.000Z}"
        return {
            "$string($deferrals + 1)": str(self._variables.get("deferrals", 0) + 1),
            "$deferred_step": self._variables.get("deferred_step"),
            "$deferred_error": self._variables.get("deferred_error"),
            "$states.context.Execution.Id": self.me,
            f"$string({seconds})": str(now),
            f"$string({seconds} + {LEASE})": str(now + LEASE),
            "$string($sequence + 1)": str(self._sequence + 1),
            "$string($sequence + 2)": str(self._sequence + 2),
            "$now()": f"at {now}",
            "$substring($data.order_id, 0, 1)": self._order_id[0],
            f"'{CONFIRMED_SHARD}' & $substring($data.order_id, 0, 1)": (
                CONFIRMED_SHARD + self._order_id[0]
            ),
            "$outcome": self._variables.get("outcome"),
            "$reason": self._variables.get("reason"),
            "$explanation": self._variables.get("explanation"),
        }[source]
