"""The templates before other people's checkers: one of state machines, one of policies.

asl-validator knows the Amazon States Language with JSONata, finds states that no other reaches,
and parses each expression. cfn-lint looks only into definitions without references, and ours have
some. policy-sentry has AWS's tables of actions, resources and condition keys.
https://github.com/ChristopheBougere/asl-validator
https://github.com/salesforce/policy_sentry
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

from stacks.environments import ENVIRONMENTS
from tests.templates.checks.common import as_list, permissions
from tests.templates.kinds import MACHINE
from tests.templates.synthesis import ROOT, Resource, definition, platform

VALIDATOR = ROOT / "node_modules/asl-validator/dist/bin/asl-validator.js"
Break = Callable[[Any], object]

MISTAKES: dict[str, Break] = {
    "not reachable": lambda states: states.update(Island={"Type": "Pass", "End": True}),
    "Missing 'St": lambda states: states["Undo"].update(Default="Nowhere"),
    "jsonata": lambda states: states["Undo"]["Choices"][0].update(Condition="{% a( %}"),
    "exactly one schema": lambda states: states["Claim"].update(ResultPath="$.x"),
}
"""What the validator says, and the mistake that makes it say so."""

UNTABLED = {
    # AWS's tutorial grants it on the table's stream, and Lambda wants it there:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.Lambda.Tutorial.html
    "dynamodb:ListStreams",
    # It names one stream, and grants on a stream's ARN are in use; docs/how-to/deploy.md says how
    # to look at it in an account.
    "kinesis:UpdateShardCount",
}
"""Actions that have no resource in AWS's tables, and apply to one all the same."""


def validate(machines: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """What asl-validator has against each of these state machines; nothing if it is valid."""
    paths = {name: folder / f"{name}.json" for name in machines}
    for name, path in paths.items():
        path.write_text(json.dumps(machines[name]))
    # One run for all: to start it takes a second.
    arguments = [argument for path in paths.values() for argument in ("--json-path", str(path))]
    run = subprocess.run(["node", VALIDATOR, *arguments], capture_output=True, text=True)
    assert all(f'"{path}" is ' in run.stdout + run.stderr for path in paths.values()), run
    found = run.stderr.split("State machine definition ")
    return {
        name: "".join(each for each in found if each.startswith(f'"{path}"'))
        for name, path in paths.items()
    }


def valid_arns(value: Any) -> Any:
    """The same, with ARNs that have a partition, as the validator expects them."""
    return json.loads(json.dumps(value).replace("${AWS::Partition}", "aws"))


def test_state_machines_are_valid(tmp_path: Path):
    machines = {
        f"{environment}-{name}": valid_arns(definition(platform(environment).one(MACHINE, name)))
        for environment in ENVIRONMENTS
        for name in ("Fulfilment", "Withdrawal")
    }

    assert validate(machines, tmp_path) == dict.fromkeys(machines, "")


def test_mistakes_in_state_machines_are_found(tmp_path: Path):
    machines = {}
    for complaint, make_mistake in MISTAKES.items():
        machine = valid_arns(definition(platform("dev").one(MACHINE, "Fulfilment")))
        make_mistake(machine["States"])
        machines[complaint] = machine

    found = validate(machines, tmp_path)

    assert [complaint for complaint, text in found.items() if complaint not in text] == []


@cache
def known(action: str) -> dict[str, set[str]]:
    """The kinds of resources that an action applies to, each with its condition keys."""
    service, _, name = action.partition(":")
    found = get_action_data(service, name) or {}
    kinds = found.get(service, [])
    return {kind["resource_arn_format"]: set(kind["condition_keys"]) for kind in kinds}


def faults(role: Resource, statement: Any, target: Resource | None) -> Iterator[str]:
    """What AWS would never apply of a statement: it allows nothing, or less than it says."""
    keys = {key for test in statement.get("Condition", {}).values() for key in test}
    for action in as_list(statement["Action"]):
        kinds = known(action)
        if not kinds:
            yield f"{role}: {action} does not exist"
            continue
        for key in sorted(keys - set().union(*kinds.values())):
            if not key.startswith("aws:"):
                yield f"{role}: {action} has no condition key {key}"
        services = {kind.split(":")[2] for kind in kinds if kind != "*"}
        if statement["Resource"] == "*" and "*" not in kinds:
            yield f"{role}: {action} needs a resource"
        if target and service_of(target) not in services and action not in UNTABLED:
            yield f"{role}: {action} does not apply to {target}"


def service_of(resource: Resource) -> str:
    """The service of a resource, as its ARN names it."""
    service = resource.kind.split("::")[1].lower()
    return {"stepfunctions": "states"}.get(service, service)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_policies_have_actions_keys_and_resources_that_belong_together(environment: str):
    whole = platform(environment)
    statements = [
        (role, statement, whole.referred(role.stack, resource))
        for role, statement in permissions(whole)
        for resource in as_list(statement["Resource"])
    ]

    assert sum(target is not None for _, _, target in statements) > 100
    assert [fault for each in statements for fault in faults(*each)] == []


@pytest.mark.parametrize(
    ("complaint", "changed"),
    [
        ("does not exist", {"Action": "events:PutEvent"}),
        ("has no condition key", {"Condition": {"StringEquals": {"events:sources": "shop"}}}),
        ("needs a resource", {"Action": "sqs:SendMessage", "Resource": "*"}),
        ("does not apply to", {"Action": "sqs:SendMessage"}),
    ],
)
def test_mistake_in_a_policy_is_found(complaint: str, changed: dict[str, Any]):
    whole = platform("dev")
    role, statement, bus = next(
        (role, statement, whole.referred(role.stack, statement["Resource"]))
        for role, statement in permissions(whole)
        if statement["Action"] == "events:PutEvents"
    )

    found = list(faults(role, {**statement, **changed}, bus))

    assert any(complaint in fault for fault in found)
