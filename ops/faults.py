"""Faults that are made on purpose: a permission is denied, or a company is slow, until put back."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ops.deployed import FINISH, OperationError, named
from ops.dlq.templates import Templates

SID = "InjectedFault"
"""The id of the statement that denies. It says in a policy where the denial comes from."""
CARD_PROVIDER = "cardprovider/HandleRequest"
SLOW_SECONDS = 5
"""Longer than payments waits for an answer: 4 s (`lambdas/payments/lambda_provider.py`)."""
_FAULTS = "FAULTS"
"""The setting of the card provider that `simulators/card_provider/faults.py` describes."""
SLOW = {"moment": "after", "fails": False, "delay_ms": 1_000 * SLOW_SECONDS, "attempts": 1_000_000}
Policy = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFault:
    """A permission that is denied for some time."""

    what: str
    """The fault's name in the report."""
    holder: str
    """The role or queue whose policy denies the permission."""
    right: str
    """The permission: an IAM action."""
    queue: str
    """The dead-letter queue for work that fails because of it."""


FAULTS_WHILE_PLACING: Sequence[InjectedFault] = (
    InjectedFault(
        what="saga start denied",
        holder="orders/FulfilmentMachineEventsRole",
        right="states:StartExecution",
        queue="orders/StartFulfilmentRuleUndelivered",
    ),
)
FAULTS_WHILE_DISPATCHING: Sequence[InjectedFault] = (
    InjectedFault(
        what="order write denied",
        holder="orders/MarkDispatchedRole",
        right="dynamodb:PutItem",
        queue="orders/MarkDispatchedDeadLetters",
    ),
    InjectedFault(
        what="stock delivery denied",
        holder="storefront/AvailabilitySubscriberQueue",
        right="sqs:SendMessage",
        queue="storefront/AvailabilitySubscriberUndelivered",
    ),
    InjectedFault(
        what="timeline write denied",
        holder="storefront/UpdateTimelinesRole",
        right="dynamodb:UpdateItem",
        queue="storefront/ProjectionDeadLetters",
    ),
)
"""One fault for each kind of delivery: an event, a message, and a batch of the stream."""


class _Policy(Protocol):
    def read(self) -> Policy: ...
    def write(self, policy: Policy) -> None: ...


class _RolePolicy:
    """The only inline policy of a role."""

    def __init__(self, client: Callable[[str], Any], name: str) -> None:
        self._iam = client("iam")
        policies = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        if not policies:
            raise OperationError(f"the role {name} has no policy yet: {FINISH}")
        self._named = {"RoleName": name, "PolicyName": policies[0]}

    def read(self) -> Policy:
        return dict(self._iam.get_role_policy(**self._named)["PolicyDocument"])

    def write(self, policy: Policy) -> None:
        self._iam.put_role_policy(**self._named, PolicyDocument=json.dumps(policy))


class _QueuePolicy:
    """The policy of a queue."""

    def __init__(self, client: Callable[[str], Any], url: str) -> None:
        self._sqs, self._url = client("sqs"), url

    def read(self) -> Policy:
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["Policy"])
        return dict(json.loads(answer["Attributes"]["Policy"]))

    def write(self, policy: Policy) -> None:
        attributes = {"Policy": json.dumps(policy)}
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes=attributes)


class Denials:
    """Denies and permits what faults name."""

    def __init__(self, client: Callable[[str], Any], templates: Templates) -> None:
        self._client = client
        self._templates = templates

    def is_active(self, fault: InjectedFault) -> bool:
        """Return whether the fault's permission is denied now."""
        return any(map(_is_denial, self._policy(fault).read()["Statement"]))

    def deny(self, fault: InjectedFault) -> None:
        """Deny the permission. Denying it twice is the same as once."""
        denial = {"Sid": SID, "Effect": "Deny", "Action": fault.right, "Resource": "*"}
        if not _is_of_role(fault):
            denial["Principal"] = "*"
        self._replace(fault, denial)

    def permit(self, fault: InjectedFault) -> None:
        """Permit again, even what another process denied."""
        self._replace(fault)

    def _replace(self, fault: InjectedFault, *denials: Policy) -> None:
        policy = self._policy(fault)
        whole = policy.read()
        kept = [each for each in whole["Statement"] if not _is_denial(each)]
        policy.write({**whole, "Statement": [*kept, *denials]})

    def _policy(self, fault: InjectedFault) -> _Policy:
        name = named(self._templates, fault.holder).physical
        kind = _RolePolicy if _is_of_role(fault) else _QueuePolicy
        return kind(self._client, name)


def _is_of_role(fault: InjectedFault) -> bool:
    return fault.holder.endswith("Role")


def _is_denial(statement: Policy) -> bool:
    return statement.get("Sid") == SID


class SlowCardProvider:
    """Lets the card provider's simulator do what it is asked, and answer too late."""

    def __init__(self, client: Callable[[str], Any], templates: Templates) -> None:
        self._lambda = client("lambda")
        self._function = named(templates, CARD_PROVIDER).physical

    def is_active(self) -> bool:
        """Return whether it is slow now."""
        return _FAULTS in self._settings()

    def slow_down(self) -> None:
        """Let every answer come after ``SLOW_SECONDS``."""
        slow = json.dumps({"charge": SLOW, "refund": SLOW})
        self._set({**self._settings(), _FAULTS: slow})

    def put_back(self) -> None:
        """Let it answer at once again, even if another process made it slow."""
        self._set({name: value for name, value in self._settings().items() if name != _FAULTS})

    def _settings(self) -> Mapping[str, str]:
        found = self._lambda.get_function_configuration(FunctionName=self._function)
        return dict(found["Environment"]["Variables"])

    def _set(self, settings: Mapping[str, str]) -> None:
        # Later requests get the new settings. A call in progress ends as it began.
        # https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
        self._lambda.update_function_configuration(
            FunctionName=self._function, Environment={"Variables": dict(settings)}
        )
