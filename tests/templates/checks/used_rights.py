"""Whatever the platform used in a whole test run, the templates grant.

``tests/templates/used_rights.json`` has it. ``tests/e2e/test_grants.py`` compares this file with
what its run used, and writes it.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from stacks.environments import Environment
from tests.templates.checks.common import (
    as_list,
    check,
    policies_of,
    queue_policy_statements,
    statements,
)
from tests.templates.kinds import BUS, QUEUE, ROLE
from tests.templates.synthesis import Platform, Resource

RECORD = Path(__file__).parents[1] / "used_rights.json"
RECORDED_STACKS, RECORDED_BUS, RECORDED_SENDER = "Orders-Dev-", "event-bus/Orders", "Sender"
FORM = re.compile(r"(?P<holder>.+?): (?P<action>\S+) on (?P<resource>\S+)( by (?P<by>\S+) for .+)?")
ANYTHING_BEFORE, STREAM_OR_LOGS, NOTHING = r"(?:.*[/:])?", r"(?:/stream/\*|:\*)?", r"(?!)"


class Right(NamedTuple):
    """An action on a resource, that a role or a queue allows; ``by`` whom, if a queue does."""

    holder: str
    action: str
    resource: str
    by: str | None


@check
def right_that_a_test_run_used_is_granted(platform: Platform) -> Iterator[str]:
    holders = {f"{each.stack}/{_name(each)}": each for each in platform.all(ROLE, QUEUE)}
    bus = platform.one(BUS, "Backbone").properties["Name"]
    sender = platform.environment.sender
    identity = RECORDED_SENDER if sender is None or sender.owned else sender.identity
    for right in used_rights(platform.environment.stack_name(""), bus, identity):
        # Simulators are in ``dev`` alone.
        holder = holders.get(right.holder)
        if not holder or not _is_wanted(platform.environment, right):
            continue
        if not any(
            _allows(platform, holder.stack, each, right) for each in _rights(platform, holder)
        ):
            yield f"{holder}: no {right.action} on {right.resource}, which a test run used"


@cache
def used_rights(stacks: str, bus: str, identity: str) -> list[Right]:
    """Return the rights on record, for an environment with such names.

    ``identity`` is the one in SES that mails come from: a resource's name, or another's identity.
    """
    text = RECORD.read_text().replace(RECORDED_STACKS, stacks)
    text = text.replace(f"identity/{RECORDED_SENDER}", f"identity/{identity}")
    lines = json.loads(text.replace(RECORDED_BUS, f"event-bus/{bus}"))
    return [Right(**found.groupdict()) for line in lines if (found := FORM.fullmatch(line))]


def _is_wanted(environment: Environment, right: Right) -> bool:
    """Return whether a right is for something that the environment has; its settings say so."""
    if right.action.startswith("ses:"):
        return environment.sender is not None
    return right.action != "kinesis:SubscribeToShard" or environment.enhanced_fan_out


def _rights(platform: Platform, holder: Resource) -> Iterator[Any]:
    if holder.kind == QUEUE:
        yield from queue_policy_statements(platform, holder)
    for policy in policies_of(platform, holder):
        yield from statements(policy)


def _allows(platform: Platform, stack: str, statement: Any, right: Right) -> bool:
    return (
        statement["Effect"] == "Allow"
        and right.action in as_list(statement["Action"])
        and statement.get("Principal", {}).get("Service") == right.by
        and any(
            re.fullmatch(_pattern(platform, stack, each), right.resource)
            for each in as_list(statement["Resource"])
        )
    )


def _pattern(platform: Platform, stack: str, resource: Any) -> str:
    """Return a pattern for how a record writes a resource that a template names."""
    match resource:
        case {"Fn::Join": ["", list(parts)]}:
            # A record has no ARN up to the account.
            return "".join(_pattern(platform, stack, part) for part in parts)
        case str() if resource.startswith("arn:") or resource.startswith(":"):
            return ANYTHING_BEFORE + re.escape(resource.rpartition(":")[2])
        case str():
            return re.escape(resource)
        case {"Ref": str(name)} if name.startswith("AWS::"):
            return ".*"
    found = platform.referred(stack, resource)
    if found is None:
        return NOTHING
    given = found.properties.get("Name") or found.properties.get("ConsumerName")
    names = "|".join(re.escape(name) for name in (_name(found), given) if isinstance(name, str))
    return f"{ANYTHING_BEFORE}(?:{names}){STREAM_OR_LOGS}"


def _name(resource: Resource) -> str:
    """Return the logical id without the hash that the CDK appends."""
    return re.sub(r"[0-9A-F]{8}$", "", resource.id)
