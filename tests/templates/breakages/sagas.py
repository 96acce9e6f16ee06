"""What each check of ``checks.sagas`` must report."""

import json
from collections.abc import Callable
from typing import Any

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, grant
from tests.templates.checks import sagas
from tests.templates.synthesis import Platform, Resource, definition


def change_state(state: str, edit: Callable[[Any], object]) -> Breakage:
    """Change a state of the saga."""

    def break_it(broken: Platform) -> Resource:
        machine = next(broken.all(kinds.MACHINE))
        changed = definition(machine)
        edit(changed["States"][state])
        machine.properties["DefinitionString"] = {"Fn::Join": ["", [json.dumps(changed)]]}
        return machine

    return break_it


def slow_down(broken: Platform) -> Resource:
    broken.one(kinds.FUNCTION, "TakePayment").properties["Timeout"] = 60
    return next(broken.all(kinds.MACHINE))


def forbid_logs(broken: Platform) -> Resource:
    machine = next(broken.all(kinds.MACHINE))
    grant("FulfilmentRole", Resource="arn:aws:logs:::log-group:one")(broken)
    return machine


def without(*names: str) -> Callable[[Any], object]:
    def edit(state: Any) -> None:
        for name in names:
            state.pop(name)

    return edit


BREAKAGES: list[Case] = [
    *(
        (sagas.task_has_timeout_retry_and_catch, change_state("TakePayment", edit))
        for edit in (
            without("TimeoutSeconds"),
            without("Retry"),
            without("Catch"),
            lambda state: state["Retry"][-1].pop("JitterStrategy"),
            lambda state: state["Retry"][-1].pop("MaxDelaySeconds"),
            lambda state: state["Catch"][-1].update(ErrorEquals=["States.Timeout"]),
        )
    ),
    (sagas.task_timeout_exceeds_function_timeout, slow_down),
    (sagas.every_state_is_reached, change_state("AllUndone", lambda each: each["Choices"].pop())),
    (
        sagas.undo_begins_where_a_catch_says,
        change_state("Undo", lambda each: each["Choices"].pop()),
    ),
    (sagas.machine_may_deliver_its_logs, forbid_logs),
]
