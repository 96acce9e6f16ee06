"""State machines."""

from collections.abc import Iterator
from typing import Any

from tests.templates.checks.common import as_list, check, policies_of, statements
from tests.templates.checks.rights import WILDCARDS
from tests.templates.kinds import FUNCTION, MACHINE
from tests.templates.synthesis import Platform, Resource, definition


@check
def task_has_timeout_retry_and_catch(platform: Platform) -> Iterator[str]:
    for machine in platform.all(MACHINE):
        states = definition(machine)["States"]
        for name, state in states.items():
            if state["Type"] != "Task":
                continue
            if not state.get("TimeoutSeconds"):
                yield f"{machine}: {name} has no time-out"
            if not any(
                retry["ErrorEquals"] == ["States.ALL"]
                and retry.get("JitterStrategy") == "FULL"
                and retry.get("MaxDelaySeconds")
                and retry.get("MaxAttempts", 0) > 0
                for retry in state.get("Retry", [])
            ):
                yield f"{machine}: {name} is not retried with bounded back-off and full jitter"
            caught = any(c["ErrorEquals"] == ["States.ALL"] for c in state.get("Catch", []))
            # There is nothing left to try when the last state before Fail fails as well.
            if not caught and states.get(state.get("Next"), {}).get("Type") != "Fail":
                yield f"{machine}: {name} does not catch every error"


@check
def task_timeout_exceeds_function_timeout(platform: Platform) -> Iterator[str]:
    """A state that times out first would retry or undo a call that is still running."""
    for machine in platform.all(MACHINE):
        for name, state in definition(machine)["States"].items():
            if not state.get("Resource", "").endswith("lambda:invoke"):
                continue
            function = invoked(platform, machine, state)
            if function.properties["Timeout"] >= state["TimeoutSeconds"]:
                yield f"{machine}: {name} times out before {function.id} does"


def invoked(platform: Platform, machine: Resource, state: Any) -> Resource:
    """Return the function that a state invokes."""
    stack, _, output = state["Arguments"]["FunctionName"].strip("${}").partition("/")
    value = {"Fn::GetStackOutput": {"StackName": stack, "OutputName": output}}
    function = platform.referred(machine.stack, value)
    if function is None or function.kind != FUNCTION:
        raise LookupError(f"{machine} invokes no function of ours: {state['Arguments']}")
    return function


@check
def every_state_is_reached(platform: Platform) -> Iterator[str]:
    for machine in platform.all(MACHINE):
        own = definition(machine)
        reached, ahead = set[str](), [own["StartAt"]]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += _following(own["States"][name])
        for name in own["States"].keys() - reached:
            yield f"{machine}: nothing leads to {name}"


def _following(state: Any) -> Iterator[str]:
    for way in (state, *state.get("Catch", ()), *state.get("Choices", ())):
        yield from (way[key] for key in ("Next", "Default") if key in way)


@check
def undo_begins_where_a_catch_says(platform: Platform) -> Iterator[str]:
    for machine in platform.all(MACHINE):
        states = definition(machine)["States"]
        wanted = {
            catcher["Assign"]["undo_from"]
            for state in states.values()
            for catcher in state.get("Catch", ())
            if "undo_from" in catcher.get("Assign", {})
        }
        undo = states.get("Undo", {})
        ways = {choice["Next"] for choice in undo.get("Choices", ())} | {undo.get("Default")}
        for name in wanted - ways - {"Reject"}:
            yield f"{machine}: Undo does not lead to {name}"


@check
def machine_may_deliver_its_logs(platform: Platform) -> Iterator[str]:
    for machine in platform.all(MACHINE):
        role = platform.referred(machine.stack, machine.properties["RoleArn"])
        granted = {
            action
            for policy in (policies_of(platform, role) if role else ())
            for statement in statements(policy)
            if statement["Resource"] == "*"
            for action in as_list(statement["Action"])
        }
        if missing := WILDCARDS["states.amazonaws.com"] - granted:
            yield f"{machine}: it may not {', '.join(sorted(missing))}"
