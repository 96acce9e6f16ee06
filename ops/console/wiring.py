"""The connections between the deployed resources: which sends, calls or reads which.

Rules, subscriptions, mappings, schedules, routes and destinations declare their connections. Those
of functions, sagas and workers are derived from their roles' permissions: they can do nothing else,
and every granted permission is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ops.dlq.discovery import find_failure_sinks
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.templates import BUCKET, FUNCTION, MACHINE, QUEUE, Resource, Templates

API = "AWS::ApiGatewayV2::Api"
BUS, RULE = "AWS::Events::EventBus", "AWS::Events::Rule"
TOPIC, STREAM = "AWS::SNS::Topic", "AWS::Kinesis::Stream"
TABLE, DATABASE = "AWS::DynamoDB::GlobalTable", "AWS::DSQL::Cluster"
SCHEDULE, WORKERS = "AWS::Scheduler::Schedule", "AWS::AutoScaling::AutoScalingGroup"
KINDS: Mapping[str, str] = {
    API: "HTTP API",
    BUS: "event bus",
    RULE: "rule",
    TOPIC: "topic",
    QUEUE: "queue",
    STREAM: "stream",
    FUNCTION: "function",
    MACHINE: "state machine",
    TABLE: "table",
    DATABASE: "database",
    BUCKET: "bucket",
    SCHEDULE: "schedule",
    WORKERS: "workers",
}
"""What the map shows, in words."""
WRITES = {
    "events:PutEvents": "publishes",
    "sns:Publish": "publishes",
    "sqs:SendMessage": "sends",
    "kinesis:PutRecord": "puts",
    "dynamodb:PutItem": "writes",
    "dynamodb:UpdateItem": "writes",
    "dynamodb:DeleteItem": "writes",
    "s3:PutObject": "writes",
    "dsql:DbConnect": "writes",
    "dsql:DbConnectAdmin": "migrates",
    "lambda:InvokeFunction": "calls",
    "states:StartExecution": "starts",
}
READS = {
    "dynamodb:GetItem": "is read by",
    "dynamodb:Query": "is read by",
    "dynamodb:BatchGetItem": "is read by",
    "s3:GetObject": "is read by",
    "sqs:ReceiveMessage": "is consumed by",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A connection between two resources. ``how`` is its verb, such as "calls"."""

    source: Resource
    how: str
    target: Resource


class Wiring:
    """The resources of an environment that the map shows, and their connections."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    @cached_property
    def sinks(self) -> Sequence[FailureSink]:
        """The failure sinks. They are not on the map; the resources that fail into them are."""
        return find_failure_sinks(self._templates)

    @cached_property
    def things(self) -> Sequence[Resource]:
        """The resources that the map shows."""
        sinks = {sink.resource for sink in self.sinks}
        return [r for r in self._templates.resources(*KINDS) if r not in sinks]

    @cached_property
    def wires(self) -> Sequence[Wire]:
        """All connections between resources on the map, each once."""
        shown = set(self.things)
        found = dict.fromkeys((*self._declared(), *self._by_role()))
        return [w for w in found if {w.source, w.target} <= shown and w.source != w.target]

    def sinks_of(self, thing: Resource) -> Sequence[FailureSink]:
        """Return the sinks of messages that failed at this resource, or on their way to it."""
        return [
            sink
            for sink in self.sinks
            if any(
                thing in (route.source, route.target) and (route.target in (thing, None))
                for route in sink.routes
            )
        ]

    def _declared(self) -> Iterator[Wire]:
        for resource in self._templates.resources():
            for source, how, target in self._ends(resource):
                if source is not None and target is not None:
                    yield Wire(source=source, how=how, target=target)

    def _ends(self, at: Resource) -> Iterator[tuple[Resource | None, str, Resource | None]]:
        """Yield the connections that a resource declares: source, verb, target.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
        """
        own = at.properties
        match at.kind:
            case "AWS::Events::Rule":
                yield self._one(at, own.get("EventBusName")), "matches", at
                for target in own.get("Targets", ()):
                    yield at, "gives to", self._one(at, target["Arn"])
            case "AWS::SNS::Subscription":
                yield self._one(at, own["TopicArn"]), "gives to", self._one(at, own["Endpoint"])
            case "AWS::Lambda::EventSourceMapping":
                source = self._one(at, own["EventSourceArn"])
                yield source, "gives to", self._one(at, own["FunctionName"])
            case "AWS::Scheduler::Schedule":
                yield at, "starts", self._one(at, own["Target"]["Arn"])
            case "AWS::ApiGatewayV2::Route":
                integration = self._one(at, own.get("Target"))
                if integration is not None:
                    uri = integration.properties.get("IntegrationUri")
                    yield self._one(at, own["ApiId"]), own["RouteKey"], self._one(at, uri)
            case "AWS::Lambda::EventInvokeConfig":
                success = own.get("DestinationConfig", {}).get("OnSuccess", {}).get("Destination")
                yield self._one(at, own["FunctionName"]), "succeeds into", self._one(at, success)
            case "AWS::StepFunctions::StateMachine":
                for called in self._templates.references(at.stack, own.get("DefinitionString")):
                    yield at, "calls" if called.kind == FUNCTION else "writes", called

    def _by_role(self) -> Iterator[Wire]:
        """Yield the connections that follow from the policies of the resources' roles."""
        owners = dict(self._owners())
        for policy in self._templates.resources("AWS::IAM::Policy"):
            for role in self._templates.references(policy.stack, policy.properties["Roles"]):
                if role in owners:
                    yield from self._granted(owners[role], policy)

    def _owners(self) -> Iterator[tuple[Resource, Resource]]:
        """Yield each role with the resource that uses it."""
        names = {FUNCTION: "Role", MACHINE: "RoleArn"}
        for thing in self._templates.resources(*names):
            if role := self._one(thing, thing.properties.get(names[thing.kind])):
                yield role, thing
        workers = {each.stack: each for each in self._templates.resources(WORKERS)}
        for profile in self._templates.resources("AWS::IAM::InstanceProfile"):
            if profile.stack in workers and (role := self._one(profile, profile.properties)):
                yield role, workers[profile.stack]

    def _granted(self, owner: Resource, policy: Resource) -> Iterator[Wire]:
        written: set[Resource] = set()
        read: set[tuple[str, Resource]] = set()
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            things = list(self._templates.references(policy.stack, statement["Resource"]))
            for action in [actions] if isinstance(actions, str) else actions:
                if action in WRITES:
                    written |= {*things}
                    for thing in things:
                        yield Wire(source=owner, how=WRITES[action], target=thing)
                elif action in READS:
                    read |= {(READS[action], thing) for thing in things}
        for how, thing in sorted(read - {(how, t) for how, t in read if t in written}, key=str):
            yield Wire(source=thing, how=how, target=owner)

    def _one(self, at: Resource, value: Any) -> Resource | None:
        return self._templates.first_reference(at.stack, value) if value else None
