"""A fault denies one permission, and putting it back leaves the policy as it was."""

import json
from typing import Any

import pytest

from lambdas.contracts.codec import decode
from lambdas.payments import lambda_provider
from ops.faults import (
    FAULTS_WHILE_DISPATCHING,
    FAULTS_WHILE_PLACING,
    SLOW,
    SLOW_SECONDS,
    Denials,
    InjectedFault,
    SlowCardProvider,
)
from simulators.card_provider.faults import Fault
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


class Provider:
    """The function of the card provider's simulator, with the settings of its template."""

    def __init__(self) -> None:
        self.settings: dict[str, str] = {"CHARGE_LIMIT": "100000"}

    def get_function_configuration(self, **_: str) -> Any:
        return {"Environment": {"Variables": self.settings}}

    def update_function_configuration(self, *, Environment: Any, **_: str) -> None:  # noqa: N803
        self.settings = Environment["Variables"]


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


def test_card_provider_is_slow_until_it_is_put_back():
    function = Provider()
    provider = SlowCardProvider(lambda _: function, templates())
    assert not provider.is_active()

    provider.slow_down()
    provider.slow_down()

    assert provider.is_active()
    faults = json.loads(function.settings["FAULTS"])
    assert {**faults, "refund": None} == {"charge": SLOW, "refund": None}
    assert function.settings["CHARGE_LIMIT"] == "100000"

    provider.put_back()

    assert function.settings == {"CHARGE_LIMIT": "100000"}
    assert not provider.is_active()


def test_slow_card_provider_answers_when_payments_has_given_up_and_before_its_own_timeout():
    (function,) = (r for r in templates().resources() if r.name == "cardprovider/HandleRequest")

    fault = decode(Fault, SLOW)

    assert (fault.moment, fault.fails, fault.delay_ms) == ("after", False, 1_000 * SLOW_SECONDS)
    gives_up = lambda_provider._SINGLE_ATTEMPT.read_timeout  # type: ignore[attr-defined]
    assert gives_up < SLOW_SECONDS < function.properties["Timeout"]
