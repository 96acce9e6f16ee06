"""The roles that services assume on behalf of resources, which anybody's resources could name."""

import pytest

from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import Resource, platform

SERVICES = {f"{name}.amazonaws.com" for name in ("events", "scheduler", "states")}
"""They say for which account they act, as AWS documents."""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_role_of_a_service_is_trusted_for_this_account_only(environment: str):
    roles = [role for role in platform(environment).all("AWS::IAM::Role") if services(role)]

    assert roles
    assert [str(role) for role in roles if not is_for_this_account(role)] == []


def services(role: Resource) -> set[str]:
    """Which of the services the role trusts."""
    statements = role.properties["AssumeRolePolicyDocument"]["Statement"]
    return SERVICES & {statement["Principal"].get("Service") for statement in statements}


def is_for_this_account(role: Resource) -> bool:
    this_account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    statements = role.properties["AssumeRolePolicyDocument"]["Statement"]
    return all(statement.get("Condition") == this_account for statement in statements)
