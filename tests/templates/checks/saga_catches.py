"""What a saga's tasks catch, and what they try again."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from lambdas.contracts.commands import Refusal
from lambdas.contracts.transient import TRANSIENT_ERRORS
from simulation.saga_walk import STEPS
from stacks.constructs.saga.catches import ANYTHING_TO_UNDO, DEFER, DEFER_UNDOING
from stacks.constructs.saga.tasks import CONDITION_FAILED, EXPRESSION_FAILED
from stacks.orders.saga_record import COLUMNS
from tests.templates.checks.common import check
from tests.templates.kinds import MACHINE
from tests.templates.saga_definitions import calls
from tests.templates.synthesis import Platform, Resource, definition

ACTIONS = {step.action.name: step for step in STEPS}
COMPENSATIONS = {step.compensation.name: step for step in STEPS}
BUSY, ANYTHING = list(TRANSIENT_ERRORS), ["States.ALL"]


@check
def call_catches_what_its_function_answers(platform: Platform) -> Iterator[str]:
    for machine in platform.all(MACHINE):
        for command, state in calls(definition(machine)).items():
            caught = [(catcher["ErrorEquals"], catcher["Next"]) for catcher in state["Catch"]]
            if caught != _wanted(command):
                yield f"{machine}: {command} does not go on as its function's answers want"


def _wanted(command: str) -> list[tuple[list[str], str]]:
    """Return what a call has to catch, and where that leads."""
    if step := ACTIONS.get(command):
        # An action that was compensated before is a failure, not a reason to publish.
        return [
            (_names(step.refusals), ANYTHING_TO_UNDO),
            (_names(step.already_compensated), ANYTHING_TO_UNDO),
            (BUSY, DEFER),
            (ANYTHING, DEFER),
        ]
    if irreversible := COMPENSATIONS[command].irreversible:
        return [
            (_names(irreversible), "KeepEffects"),
            (BUSY, DEFER_UNDOING),
            (ANYTHING, DEFER_UNDOING),
        ]
    following = dict(pairwise([*reversed(COMPENSATIONS), "AnyBusy"]))
    return [(BUSY, following[command]), (ANYTHING, f"DeadLetter{command}")]


def _names(refusals: Sequence[type[Refusal]]) -> list[str]:
    return [refusal.__name__ for refusal in refusals]


@check
def answer_that_a_task_catches_is_not_retried(platform: Platform) -> Iterator[str]:
    """A refusal stays the same, as does an expression that fails."""
    for machine, name, state in _tasks(platform):
        answers = {EXPRESSION_FAILED, *_caught(state)} - {"States.ALL", *TRANSIENT_ERRORS}
        first = state["Retry"][0]
        if first["MaxAttempts"] or not answers <= set(first["ErrorEquals"]):
            yield f"{machine}: {name} retries what stays the same"


@check
def busy_table_is_not_taken_for_a_broken_one(platform: Platform) -> Iterator[str]:
    """After a transient error the record is tried again sooner than after a fault."""
    for machine, name, state in _tasks(platform):
        following = {each["Next"] for each in state.get("Catch", ())}
        if following.isdisjoint({"NotClaimed", DEFER, DEFER_UNDOING}):
            continue
        if not any(each["ErrorEquals"] == BUSY for each in state["Catch"]):
            yield f"{machine}: {name} takes a busy table for a broken one"


@check
def claim_fails_only_if_something_is_broken(platform: Platform) -> Iterator[str]:
    """An execution that fails rings an alarm. A claim that another has is no fault."""
    for machine, name, state in _tasks(platform):
        if "NotClaimed" not in {each["Next"] for each in state.get("Catch", ())}:
            continue
        if CONDITION_FAILED not in _caught(state):
            yield f"{machine}: {name} fails if another execution has the claim"


@check
def wish_to_cancel_is_obeyed_at_once(platform: Platform) -> Iterator[str]:
    """A write that a wish to cancel refuses has done its work: the order is not deferred."""
    for machine, name, state in _tasks(platform):
        condition = state["Arguments"].get("ConditionExpression", "")
        if f"attribute_not_exists({COLUMNS.cancel_requested_at})" not in condition:
            continue
        if CONDITION_FAILED not in _caught(state):
            yield f"{machine}: {name} defers an order that is to be cancelled"


@check
def event_that_cannot_be_read_is_dead_lettered(platform: Platform) -> Iterator[str]:
    for machine, name, state in _tasks(platform):
        reads = "$assert(" in str(state["Arguments"])
        if reads and (EXPRESSION_FAILED, "DeadLetterRecord") not in {
            (error, each["Next"]) for each in state["Catch"] for error in each["ErrorEquals"]
        }:
            yield f"{machine}: {name} does not dead-letter an event that it cannot read"


def _tasks(platform: Platform) -> Iterator[tuple[Resource, str, Any]]:
    for machine in platform.all(MACHINE):
        for name, state in definition(machine)["States"].items():
            if state["Type"] == "Task":
                yield machine, name, state


def _caught(state: Any) -> set[str]:
    return {error for each in state.get("Catch", ()) for error in each["ErrorEquals"]}
