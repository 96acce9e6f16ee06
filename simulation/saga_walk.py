"""A saga's state machine as a function: from the answer of one task to the next task.

The definition is the deployed one; only the names of functions, table and queue are simpler.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from inspect import signature
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderPlaced, OrderWithdrawn
from simulation.expressions import evaluate, names
from simulation.kernel import START
from stacks.constructs.saga.definition import build_definition
from stacks.constructs.saga.model import STANDARD_TIMEOUTS, SagaRecord, SagaStep
from stacks.orders.saga_record import COLUMNS, FULFILMENT_STATES, WITHDRAWAL_STATES
from stacks.orders.sagas import READ_VERSIONS, saga_steps

SAGAS: Mapping[str, tuple[type[Event], dict[str, Any]]] = {
    "Fulfilment": (OrderPlaced, FULFILMENT_STATES),
    "Withdrawal": (OrderWithdrawn, WITHDRAWAL_STATES),
}


class At(NamedTuple):
    """Where an execution is: at a task, with its variables as JSON. Without a task, it ended."""

    task: str = ""
    variables: str = "{}"


class _Functions:
    """A service's stack: each of its attributes is a function, which its handler names."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(function_arn=f"lambdas.{self._service}.{name}")


STEPS: Sequence[SagaStep] = saga_steps(
    **cast(Any, {stack: _Functions(stack) for stack in signature(saga_steps).parameters})
)
"""The steps of both sagas; each function is named by its handler."""


class SagaWalk:
    """The walk of executions through one saga. Its functions are pure, and remember results."""

    def __init__(self, name: str) -> None:
        event, states = SAGAS[name]
        definition = build_definition(
            record=SagaRecord(
                table=cast(Any, SimpleNamespace(table_name="Orders")),
                columns=COLUMNS,
                completed_check=3_600,
                completed_shard="C",
                **states,
            ),
            steps=STEPS,
            versions=READ_VERSIONS[event],
            repair_queue=cast(Any, SimpleNamespace(queue_url="Repairs")),
            timeouts=STANDARD_TIMEOUTS,
        )
        self._states: Mapping[str, Any] = definition["States"]
        self._first: str = definition["StartAt"]
        self.first = cache(self._walk_first)
        self.after = cache(self._walk_after)
        self.request = cache(self._request)

    def _walk_first(self, id: str, event: str) -> At:
        """Return the first task of an execution."""
        return self._walk(self._first, {}, id, event)

    def _walk_after(
        self, id: str, event: str, at: At, payload: str, error: str, tries_again: bool
    ) -> At:
        """Return the next task, after the present one's answer.

        An error that is no answer leads to the same task if it ``tries_again``.
        """
        state, variables = self._states[at.task], json.loads(at.variables)
        if not error:
            states = {"result": json.loads(payload)}
            self._assign(state, variables, states, id, event)
            return self._walk(state["Next"], variables, id, event) if "Next" in state else At()
        retrier = next(rule for rule in state["Retry"] if names(rule, error))
        if retrier["MaxAttempts"] and tries_again:
            return at
        cause = json.dumps({"errorType": error, "errorMessage": error})
        for catcher in state["Catch"]:
            if names(catcher, error):
                states = {"errorOutput": {"Error": error, "Cause": cause}}
                self._assign(catcher, variables, states, id, event)
                return self._walk(catcher["Next"], variables, id, event)
        raise ValueError(f"{at.task} does not catch {error}")

    def _request(self, id: str, event: str, at: At) -> tuple[str, str]:
        """Return the kind of the present task, and its arguments as JSON."""
        state = self._states[at.task]
        arguments = self._evaluate(state["Arguments"], json.loads(at.variables), {}, id, event)
        return state["Resource"].rpartition(":")[2], json.dumps(arguments)

    def _walk(self, name: str, variables: dict[str, Any], id: str, event: str) -> At:
        while True:
            state = self._states[name]
            match state["Type"]:
                case "Task":
                    return At(name, json.dumps(variables, sort_keys=True))
                case "Choice":
                    name = next(
                        (
                            choice["Next"]
                            for choice in state["Choices"]
                            if self._evaluate(choice["Condition"], variables, {}, id, event)
                        ),
                        state["Default"],
                    )
                case "Pass":
                    self._assign(state, variables, {}, id, event)
                    name = state["Next"]
                case _:
                    return At()

    def _assign(
        self, rule: Any, variables: dict[str, Any], states: Any, id: str, event: str
    ) -> None:
        variables |= self._evaluate(rule.get("Assign", {}), variables, states, id, event)

    def _evaluate(
        self, value: Any, variables: Mapping[str, Any], states: Any, id: str, event: str
    ) -> Any:
        detail = json.loads(event)["detail"]
        context = {"Execution": {"Id": id, "Input": detail}}
        known = {"input": detail, "context": context, **states}
        return evaluate(value, {**variables, "states": known}, now=START, random=lambda: 0.0)
