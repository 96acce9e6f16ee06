"""The places in which the platform parks what it could not do, found in the deployed templates.

Whatever the templates declare about where failed work goes is a feed of a place: redrive policies
of queues and subscriptions, dead-letter queues of rules, schedules and functions, destinations of
functions and mappings. A function or state machine that parks by itself has the place among its
settings or in its definition. So a place needs no entry anywhere to be found.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

QUEUE, BUCKET, FUNCTION = "AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::Lambda::Function"
MAPPING, MACHINE = "AWS::Lambda::EventSourceMapping", "AWS::StepFunctions::StateMachine"
ID_HASH_LENGTH = 8
"""So many letters the CDK appends to a logical id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of a stack; ``physical`` is what its service knows it by."""

    stack: str
    id: str
    kind: str
    physical: str
    properties: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @property
    def name(self) -> str:
        """As an operator knows it: ``orders/Repair``."""
        return f"{self.stack.rpartition('-')[2].lower()}/{self.id[:-ID_HASH_LENGTH]}"

    def __str__(self) -> str:
        return self.name

    def matches_arn(self, arn: str) -> bool:
        """Whether an ARN is this resource's, which physical ids end like, be they names or URLs."""
        parts = re.compile("[/:|]")
        return bool(arn) and parts.split(self.physical)[-1] in parts.split(arn)


class Mechanism(StrEnum):
    """By which of its promises AWS, or a service of ours itself, parks in a place."""

    REDRIVE_POLICY = "message received too often (maxReceiveCount)"
    SUBSCRIPTION = "message that SNS could not deliver"
    RULE = "event that EventBridge could not deliver"
    SCHEDULE = "invocation that EventBridge Scheduler could not make"
    DESTINATION = "event that a function failed on"
    FUNCTION_DLQ = "event that a function failed on (its dead-letter queue)"
    STREAM_MAPPING = "stream batch that a function failed on"
    CONSUMER = "message that its consumer could not parse"
    SAGA = "compensation that failed for good"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRoute:
    """Who parks in a place, how, and what a redrive hands it ``to`` (nothing: to be repaired)."""

    mechanism: Mechanism
    source: Resource
    target: Resource | None
    target_config: Mapping[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSink:
    """A queue or bucket that holds failed work, and what feeds it."""

    resource: Resource
    routes: Sequence[FailureRoute]

    @property
    def name(self) -> str:
        """As an operator knows it."""
        return self.resource.name

    @property
    def is_fifo(self) -> bool:
        """Whether it keeps the order of groups."""
        return bool(self.resource.properties.get("FifoQueue"))

    def routes_by(self, mechanism: Mechanism) -> Sequence[FailureRoute]:
        """Its feeds of this kind."""
        return [route for route in self.routes if route.mechanism == mechanism]

    def find_route(self, mechanism: Mechanism, arn: str = "") -> FailureRoute | None:
        """The feed of this kind by whose source or receiver, of that ARN, something was parked.

        If there is but one receiver, it is that: what parked it may have been replaced since.
        """
        routes = self.routes_by(mechanism)
        for route in routes:
            if any(
                end is not None and end.matches_arn(arn) for end in (route.target, route.source)
            ):
                return route
        return routes[0] if len({route.target for route in routes}) == 1 else None


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A deployed stack: its template, and the physical ids of its resources by logical id."""

    template: Mapping[str, Any]
    ids: Mapping[str, str]


class Templates:
    """The templates of an environment's stacks, by stack."""

    def __init__(self, stacks: Mapping[str, DeployedStack]) -> None:
        self._stacks = stacks

    def resources(self, *kinds: str) -> Iterator[Resource]:
        """The resources of these types; of any type when none is given."""
        for name, stack in self._stacks.items():
            for id, declared in stack.template["Resources"].items():
                if not kinds or declared["Type"] in kinds:
                    yield self._resource(name, id)

    def references(self, stack: str, value: Any) -> Iterator[Resource]:
        """The resources that a value of a template speaks of, wherever in it."""
        match value:
            case {"Ref": str(id)} | {"Fn::GetAtt": [str(id), *_]}:
                if id in self._stacks[stack].template["Resources"]:
                    yield self._resource(stack, id)
            case {"Fn::GetStackOutput": {"StackName": str(other), "OutputName": str(output)}}:
                if other in self._stacks:
                    outputs = self._stacks[other].template["Outputs"]
                    yield from self.references(other, outputs[output]["Value"])
            case dict():
                for inner in value.values():
                    yield from self.references(stack, inner)
            case list():
                for inner in value:
                    yield from self.references(stack, inner)

    def first_reference(self, stack: str, value: Any) -> Resource | None:
        """The first resource that a value speaks of."""
        return next(self.references(stack, value), None)

    def failure_sinks(self) -> Sequence[FailureSink]:
        """Every place that holds failed work, with its feeds.

        That is what something is parked in, and every queue that nothing takes messages from.
        """
        declared = list(self._declared_routes())
        routes_by = {sink for sink, _ in declared}
        consumed = {
            self.first_reference(mapping.stack, mapping.properties["EventSourceArn"])
            for mapping in self.resources(MAPPING)
        }
        unconsumed = {
            queue
            for queue in self.resources(QUEUE)
            if "RedrivePolicy" not in queue.properties and queue not in consumed
        }
        sinks = {sink for sink in routes_by | unconsumed if sink.kind in (QUEUE, BUCKET)}
        declared += self._consumer_routes(sinks)
        return [
            FailureSink(resource=sink, routes=[route for at, route in declared if at == sink])
            for sink in sorted(sinks, key=lambda sink: sink.name)
        ]

    def _resource(self, stack: str, id: str) -> Resource:
        declared = self._stacks[stack].template["Resources"][id]
        return Resource(
            stack=stack,
            id=id,
            kind=declared["Type"],
            physical=self._stacks[stack].ids.get(id, ""),
            properties=declared.get("Properties", {}),
        )

    def _declared_routes(self) -> Iterator[tuple[Resource, FailureRoute]]:
        for resource in self.resources():
            for mechanism, target, sink_reference, target_config in _declared_routes_of(resource):
                sink = self.first_reference(resource.stack, sink_reference)
                if sink is not None:
                    receiver = self.first_reference(resource.stack, target) if target else resource
                    yield (
                        sink,
                        FailureRoute(
                            mechanism=mechanism,
                            source=resource,
                            target=receiver,
                            target_config=target_config,
                        ),
                    )

    def _consumer_routes(self, sinks: set[Resource]) -> Iterator[tuple[Resource, FailureRoute]]:
        """Who names a place among its settings: a function gets its messages from a queue."""
        sources = {
            self.first_reference(
                mapping.stack, mapping.properties["FunctionName"]
            ): self.first_reference(mapping.stack, mapping.properties["EventSourceArn"])
            for mapping in self.resources(MAPPING)
        }
        for function in self.resources(FUNCTION):
            source = sources.get(function)
            target = source if source is not None and source.kind == QUEUE else function
            settings = function.properties.get("Environment", {})
            for sink in sinks.intersection(self.references(function.stack, settings)):
                yield (
                    sink,
                    FailureRoute(mechanism=Mechanism.CONSUMER, source=function, target=target),
                )
        for machine in self.resources(MACHINE):
            definition = machine.properties.get("DefinitionString")
            for sink in sinks.intersection(self.references(machine.stack, definition)):
                yield sink, FailureRoute(mechanism=Mechanism.SAGA, source=machine, target=None)


DeclaredRoute = tuple[Mechanism, Any, Any, Mapping[str, Any]]


def _declared_routes_of(resource: Resource) -> Iterator[DeclaredRoute]:
    """How a resource parks: what a redrive hands over to (None: to itself), where, and its target.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
    """
    own = resource.properties
    match resource.kind:
        case "AWS::SQS::Queue" if "RedrivePolicy" in own:
            yield Mechanism.REDRIVE_POLICY, None, own["RedrivePolicy"]["deadLetterTargetArn"], {}
        case "AWS::SNS::Subscription" if "RedrivePolicy" in own:
            sink_reference = own["RedrivePolicy"]["deadLetterTargetArn"]
            yield Mechanism.SUBSCRIPTION, own["Endpoint"], sink_reference, {}
        case "AWS::Events::Rule":
            for target_config in own.get("Targets", []):
                if "DeadLetterConfig" in target_config:
                    yield (
                        Mechanism.RULE,
                        target_config["Arn"],
                        target_config["DeadLetterConfig"]["Arn"],
                        target_config,
                    )
        case "AWS::Scheduler::Schedule" if "DeadLetterConfig" in own["Target"]:
            target_config = own["Target"]
            yield (
                Mechanism.SCHEDULE,
                target_config["Arn"],
                target_config["DeadLetterConfig"]["Arn"],
                target_config,
            )
        case "AWS::Lambda::EventInvokeConfig" | "AWS::Lambda::EventSourceMapping":
            sink_reference = (
                own.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            )
            mapping = resource.kind == MAPPING
            if sink_reference:
                mechanism = Mechanism.STREAM_MAPPING if mapping else Mechanism.DESTINATION
                yield mechanism, own["FunctionName"], sink_reference, own if mapping else {}
        case "AWS::Lambda::Function" if "DeadLetterConfig" in own:
            yield Mechanism.FUNCTION_DLQ, None, own["DeadLetterConfig"]["TargetArn"], {}
