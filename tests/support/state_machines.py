"""A task of a state machine, and the machine's role."""

from typing import Any

from tests.support.small_stacks import Template, role

INVOKE = "arn:aws:states:::lambda:invoke"


def task(resource: str = INVOKE, **properties: Any) -> Template:
    return {"Type": "Task", "Resource": resource, "End": True, **properties}


def machine_role(*actions: str) -> Template:
    return role(*actions, service="states")
