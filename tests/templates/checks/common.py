"""How a check is registered, and what checks share."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.templates.kinds import POLICY, QUEUE_POLICY, ROLE
from tests.templates.synthesis import Platform, Resource

Check = Callable[[Platform], Iterator[str]]

CHECKS: list[Check] = []

FOURTEEN_DAYS = 14 * 24 * 60 * 60

DAY = 24 * 60 * 60


def check(function: Check) -> Check:
    """Register a check."""
    CHECKS.append(function)
    return function


def as_list(value: Any) -> list[Any]:
    """Return a list; IAM writes a list of one as its only element."""
    return value if isinstance(value, list) else [value]


def statements(resource: Resource) -> list[Any]:
    """Return the statements of a resource's policy document."""
    return list(resource.properties["PolicyDocument"]["Statement"])


def policies_of(platform: Platform, role: Resource) -> Iterator[Resource]:
    """Yield the policies of a role."""
    for policy in platform.all(POLICY):
        if policy.stack == role.stack and {"Ref": role.id} in policy.properties["Roles"]:
            yield policy


def permissions(platform: Platform) -> Iterator[tuple[Resource, Any]]:
    """Yield each role with each statement of its policies."""
    for role in platform.all(ROLE):
        for policy in policies_of(platform, role):
            for statement in statements(policy):
                yield role, statement


def assumed_by(role: Resource) -> str:
    (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
    return str(statement["Principal"]["Service"])


def queue_policy_statements(platform: Platform, queue: Resource) -> list[Any]:
    """Return the statements of a queue's resource policy."""
    return [
        statement
        for policy in platform.all(QUEUE_POLICY)
        if policy.stack == queue.stack and {"Ref": queue.id} in policy.properties["Queues"]
        for statement in statements(policy)
    ]


def catch_all_name(platform: Platform) -> str:
    return f"Orders{platform.environment.name.capitalize()}Rule"


def is_catch_all(rule: Resource, platform: Platform) -> bool:
    return bool(rule.properties.get("Name") == catch_all_name(platform))


def is_fifo(resource: Resource) -> bool:
    return resource.properties.get("FifoTopic", resource.properties.get("FifoQueue")) is True
