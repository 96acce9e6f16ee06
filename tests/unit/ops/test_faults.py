"""A fault denies one permission, and putting it back leaves the policy as it was."""

import json
from typing import Any

import pytest

from ops.faults import (
    FAULTS_WHILE_DISPATCHING,
    FAULTS_WHILE_PLACING,
    Denials,
    InjectedFault,
)
from tests.unit.ops.dead_letter_samples import templates

FAULTS = (*FAULTS_WHILE_PLACING, *FAULTS_WHILE_DISPATCHING)
ALLOW = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn"}


class Policies:
    """IAM and SQS with one policy: that of the role or the queue which is asked for."""

    def __init__(self) -> None:
        self.policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": [ALLOW]}

    def list_role_policies(self, **_: str) -> Any:
        return {"PolicyNames": ["own"]}

    def get_role_policy(self, **_: str) -> Any:
        return {"PolicyDocument": self.policy}

    def put_role_policy(self, *, PolicyDocument: str, **_: str) -> None:  # noqa: N803
        self.policy = json.loads(PolicyDocument)

    def get_queue_attributes(self, **_: Any) -> Any:
        return {"Attributes": {"Policy": json.dumps(self.policy)}}

    def set_queue_attributes(self, *, Attributes: Any, **_: str) -> None:  # noqa: N803
        self.policy = json.loads(Attributes["Policy"])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.what)
def test_fault_denies_its_permission_until_it_is_put_back(fault: InjectedFault):
    policies = Policies()
    denials = Denials(lambda _: policies, templates())
    assert not denials.is_active(fault)

    denials.deny(fault)
    denials.deny(fault)

    assert denials.is_active(fault)
    allowed, denial = policies.policy["Statement"]
    assert allowed == ALLOW
    assert (denial["Effect"], denial["Action"]) == ("Deny", fault.right)
    assert ("Principal" in denial) == fault.holder.endswith("Queue")

    denials.permit(fault)

    assert policies.policy["Statement"] == [ALLOW]
    assert not denials.is_active(fault)
