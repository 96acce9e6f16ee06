"""Faults that make work fail, so that it is dead-lettered, in a cloud without other faults.

Most of them deny a permission for a while. A queue with a redrive policy gets a short visibility
time-out and few receives.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ops.dlq.failure_sinks import FailureRoute, FailureSink, Mechanism
from ops.dlq.templates import MAPPING, Resource, Templates

Client = Callable[[str], Any]
DEAD_LETTER_RESOURCES = ("arn:aws:sqs:*",)
"""What EventBridge and Scheduler need to send a dead letter."""
CONSUMER_RESOURCES = (
    *DEAD_LETTER_RESOURCES,
    "arn:aws:kinesis:*",
    "arn:aws:dynamodb:*:*:table/*/stream/*",
    "arn:aws:logs:*",
)
"""What a function or worker needs for that, and to receive the work that it is to fail at."""
COMPENSATION = "inventory/ReleaseStock"
"""The compensation that fails."""
WORKERS = "warehouse/WorkersRole"
MAX_RECEIVES = 2
VISIBILITY_SECONDS = 6
"""No shorter than a consumer's time-out, or a slow success could not be deleted."""


class Fault(Protocol):
    """A fault that lasts for a while. Equal faults are the same."""

    def begin(self, client: Client) -> None:
        """Inject the fault."""

    def end(self, client: Client) -> None:
        """Remove the fault."""


@dataclass(frozen=True, slots=True)
class DeniedRole:
    """A role whose permissions are denied, except on the spared resources."""

    role: str
    spared: tuple[str, ...]

    def begin(self, client: Client) -> None:
        denial = {"Effect": "Deny", "Action": "*", "NotResource": list(self.spared)}
        document = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
        client("iam").put_role_policy(**self._named, PolicyDocument=document)

    def end(self, client: Client) -> None:
        client("iam").delete_role_policy(**self._named)

    @property
    def _named(self) -> dict[str, str]:
        return {"RoleName": self.role, "PolicyName": "Powerless"}


@dataclass(frozen=True, slots=True)
class DeniedFunctionRole:
    """A function whose role is denied, and whose processes are restarted: an update does that.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """

    name: str
    role: DeniedRole

    def begin(self, client: Client) -> None:
        self.role.begin(client)
        functions = client("lambda")
        memory = functions.get_function_configuration(FunctionName=self.name)["MemorySize"]
        functions.update_function_configuration(FunctionName=self.name, MemorySize=memory)

    def end(self, client: Client) -> None:
        self.role.end(client)


def denied_function(client: Client, name: str) -> DeniedFunctionRole:
    """Return the fault that lets a function fail for good: it may do nothing but write its log."""
    role = client("lambda").get_function_configuration(FunctionName=name)["Role"].split("/")[-1]
    return DeniedFunctionRole(name, DeniedRole(role, spared=("arn:aws:logs:*",)))


@dataclass(frozen=True, slots=True)
class ClosedQueue:
    """A queue that accepts nothing from EventBridge and SNS."""

    url: str
    stated: dict[str, str] = field(compare=False, default_factory=dict)

    def begin(self, client: Client) -> None:
        answer = client("sqs").get_queue_attributes(QueueUrl=self.url, AttributeNames=["Policy"])
        self.stated.update(answer["Attributes"])
        policy = json.loads(self.stated["Policy"])
        denial = {
            "Effect": "Deny",
            "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
        shut = json.dumps({**policy, "Statement": [*policy["Statement"], denial]})
        client("sqs").set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": shut})

    def end(self, client: Client) -> None:
        client("sqs").set_queue_attributes(QueueUrl=self.url, Attributes=self.stated)


@dataclass(frozen=True, slots=True)
class UninvokableFunction:
    """A function that a rule or topic, known by the end of its ARN, may not invoke."""

    name: str
    source: str
    stated: dict[str, Any] = field(compare=False, default_factory=dict)

    def begin(self, client: Client) -> None:
        policy = json.loads(client("lambda").get_policy(FunctionName=self.name)["Policy"])
        (statement,) = (each for each in policy["Statement"] if self.source in json.dumps(each))
        self.stated.update(statement)
        client("lambda").remove_permission(FunctionName=self.name, StatementId=statement["Sid"])

    def end(self, client: Client) -> None:
        client("lambda").add_permission(
            FunctionName=self.name,
            StatementId=self.stated["Sid"],
            Action=self.stated["Action"],
            Principal=self.stated["Principal"]["Service"],
            SourceArn=self.stated["Condition"]["ArnLike"]["AWS:SourceArn"],
        )


@dataclass(frozen=True, slots=True)
class ClosedLogs:
    """All log groups accept nothing from EventBridge."""

    stated: dict[str, str] = field(compare=False, default_factory=dict)

    def begin(self, client: Client) -> None:
        for each in client("logs").describe_resource_policies()["resourcePolicies"]:
            self.stated[each["policyName"]] = each["policyDocument"]
            client("logs").delete_resource_policy(policyName=each["policyName"])

    def end(self, client: Client) -> None:
        for name, document in self.stated.items():
            client("logs").put_resource_policy(policyName=name, policyDocument=document)


@dataclass(frozen=True, slots=True)
class ShortVisibilityQueue:
    """A queue with a short visibility time-out and few receives."""

    url: str
    stated: dict[str, str] = field(compare=False, default_factory=dict)

    def begin(self, client: Client) -> None:
        names = ["VisibilityTimeout", "RedrivePolicy"]
        answer = client("sqs").get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        self.stated.update(answer["Attributes"])
        redrive = json.loads(self.stated["RedrivePolicy"]) | {"maxReceiveCount": MAX_RECEIVES}
        impatient = {
            "VisibilityTimeout": str(VISIBILITY_SECONDS),
            "RedrivePolicy": json.dumps(redrive),
        }
        client("sqs").set_queue_attributes(QueueUrl=self.url, Attributes=impatient)

    def end(self, client: Client) -> None:
        client("sqs").set_queue_attributes(QueueUrl=self.url, Attributes=self.stated)


@dataclass(frozen=True, slots=True)
class FaultCatalog:
    """Knows the faults that make each route of a failure sink dead-letter."""

    templates: Templates
    places: Sequence[FailureSink]

    def faults(self, route: FailureRoute) -> Iterator[Fault]:
        """Yield the faults that make a route dead-letter; none where it does so by itself."""
        match route.mechanism:
            case Mechanism.RULE | Mechanism.SCHEDULE if role := route.target_config.get("RoleArn"):
                yield DeniedRole(self._role(route.source, role), DEAD_LETTER_RESOURCES)
            case Mechanism.RULE if route.target is not None:
                yield self._shut(route.target, route.source.physical.rpartition("|")[2])
            case Mechanism.SUBSCRIPTION if route.target is not None:
                yield self._shut(route.target, route.source.physical.rpartition(":")[0])
            case Mechanism.DESTINATION | Mechanism.FUNCTION_DLQ | Mechanism.STREAM_MAPPING if (
                route.target is not None
            ):
                yield self._failing(route.target)
            case Mechanism.REDRIVE_POLICY:
                yield from self._failing_consumer(route.source)
            case Mechanism.SAGA:
                yield self._failing(self._named(COMPENSATION))

    def _shut(self, target: Resource, source: str) -> Fault:
        """Return the fault that closes a target to a rule or topic, known by the end of its ARN."""
        match target.kind:
            case "AWS::SQS::Queue":
                return ClosedQueue(target.physical)
            case "AWS::Lambda::Function":
                return UninvokableFunction(target.physical, source)
            case "AWS::Logs::LogGroup":
                return ClosedLogs()
        raise NotImplementedError(f"nobody knows how to shut {target}")

    def _failing(self, function: Resource) -> Fault:
        role = self._role(function, function.properties["Role"])
        return DeniedFunctionRole(function.physical, DeniedRole(role, self._spared()))

    def _failing_consumer(self, queue: Resource) -> Iterator[Fault]:
        yield ShortVisibilityQueue(queue.physical)
        consumers = [
            self.templates.first_reference(mapping.stack, mapping.properties["FunctionName"])
            for mapping in self.templates.resources(MAPPING)
            if self.templates.first_reference(mapping.stack, mapping.properties["EventSourceArn"])
            == queue
        ]
        yield from (self._failing(function) for function in consumers if function is not None)
        workers = self._named(WORKERS)
        if not consumers and queue.stack == workers.stack:
            yield DeniedRole(workers.physical, self._spared())

    def _spared(self) -> tuple[str, ...]:
        """Return the resources that stay allowed: where Lambda sends failed work."""
        buckets = {
            f"arn:aws:s3:::{place.resource.physical}*"
            for place in self.places
            if place.resource.kind == "AWS::S3::Bucket"
        }
        topic = self._named("notifications/FailedInvoices").physical
        return (*CONSUMER_RESOURCES, *sorted(buckets), topic)

    def _role(self, of: Resource, arn: Any) -> str:
        role = self.templates.first_reference(of.stack, arn)
        if role is None:
            raise LookupError(f"{of} has no role")
        return role.physical

    def _named(self, name: str) -> Resource:
        (found,) = (each for each in self.templates.resources() if each.name == name)
        return found
