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
HASH = 8
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
        return f"{self.stack.rpartition('-')[2].lower()}/{self.id[:-HASH]}"

    def __str__(self) -> str:
        return self.name

    def known_as(self, arn: str) -> bool:
        """Whether an ARN is this resource's, which physical ids end like, be they names or URLs."""
        parts = re.compile("[/:|]")
        return bool(arn) and parts.split(self.physical)[-1] in parts.split(arn)


class How(StrEnum):
    """By which of its promises AWS, or a service of ours itself, parks in a place."""

    QUEUE = "messages that came too often"
    SUBSCRIPTION = "messages that SNS could not deliver"
    RULE = "events that EventBridge could not deliver"
    SCHEDULE = "calls that Scheduler could not make"
    DESTINATION = "events that a function failed at"
    DEAD_LETTERS = "events that a function failed at, bare"
    MAPPING = "batches of a stream that a function failed at"
    ITSELF = "what a function makes no sense of"
    SAGA = "compensations that failed for good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Who parks in a place, how, and what a redrive hands it ``to`` (nothing: to be repaired)."""

    how: How
    source: Resource
    to: Resource | None
    target: Mapping[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A queue or bucket that holds failed work, and what feeds it."""

    resource: Resource
    feeds: Sequence[Feed]

    @property
    def name(self) -> str:
        """As an operator knows it."""
        return self.resource.name

    @property
    def fifo(self) -> bool:
        """Whether it keeps the order of groups."""
        return bool(self.resource.properties.get("FifoQueue"))

    def fed(self, how: How) -> Sequence[Feed]:
        """Its feeds of this kind."""
        return [feed for feed in self.feeds if feed.how == how]

    def feed(self, how: How, arn: str = "") -> Feed | None:
        """The feed of this kind by whose source or receiver, of that ARN, something was parked.

        If there is but one receiver, it is that: what parked it may have been replaced since.
        """
        feeds = self.fed(how)
        for feed in feeds:
            if any(end is not None and end.known_as(arn) for end in (feed.to, feed.source)):
                return feed
        return feeds[0] if len({feed.to for feed in feeds}) == 1 else None


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: its template, and the physical ids of its resources by logical id."""

    template: Mapping[str, Any]
    ids: Mapping[str, str]


class Templates:
    """The templates of an environment's stacks, by stack."""

    def __init__(self, stacks: Mapping[str, Stack]) -> None:
        self._stacks = stacks

    def all(self, *kinds: str) -> Iterator[Resource]:
        """The resources of these types; of any type when none is given."""
        for name, stack in self._stacks.items():
            for id, declared in stack.template["Resources"].items():
                if not kinds or declared["Type"] in kinds:
                    yield self._resource(name, id)

    def referred(self, stack: str, value: Any) -> Iterator[Resource]:
        """The resources that a value of a template speaks of, wherever in it."""
        match value:
            case {"Ref": str(id)} | {"Fn::GetAtt": [str(id), *_]}:
                if id in self._stacks[stack].template["Resources"]:
                    yield self._resource(stack, id)
            case {"Fn::GetStackOutput": {"StackName": str(other), "OutputName": str(output)}}:
                if other in self._stacks:
                    outputs = self._stacks[other].template["Outputs"]
                    yield from self.referred(other, outputs[output]["Value"])
            case dict():
                for inner in value.values():
                    yield from self.referred(stack, inner)
            case list():
                for inner in value:
                    yield from self.referred(stack, inner)

    def one(self, stack: str, value: Any) -> Resource | None:
        """The first resource that a value speaks of."""
        return next(self.referred(stack, value), None)

    def places(self) -> Sequence[Place]:
        """Every place that holds failed work, with its feeds.

        That is what something is parked in, and every queue that nothing takes messages from.
        """
        declared = list(self._declared())
        fed = {place for place, _ in declared}
        taken_from = {
            self.one(mapping.stack, mapping.properties["EventSourceArn"])
            for mapping in self.all(MAPPING)
        }
        idle = {
            queue
            for queue in self.all(QUEUE)
            if "RedrivePolicy" not in queue.properties and queue not in taken_from
        }
        places = {place for place in fed | idle if place.kind in (QUEUE, BUCKET)}
        declared += self._by_themselves(places)
        return [
            Place(resource=place, feeds=[feed for at, feed in declared if at == place])
            for place in sorted(places, key=lambda place: place.name)
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

    def _declared(self) -> Iterator[tuple[Resource, Feed]]:
        for resource in self.all():
            for how, to, where, target in _parking(resource):
                place = self.one(resource.stack, where)
                if place is not None:
                    receiver = self.one(resource.stack, to) if to else resource
                    yield place, Feed(how=how, source=resource, to=receiver, target=target)

    def _by_themselves(self, places: set[Resource]) -> Iterator[tuple[Resource, Feed]]:
        """Who names a place among its settings: a function gets its messages from a queue."""
        sources = {
            self.one(mapping.stack, mapping.properties["FunctionName"]): self.one(
                mapping.stack, mapping.properties["EventSourceArn"]
            )
            for mapping in self.all(MAPPING)
        }
        for function in self.all(FUNCTION):
            source = sources.get(function)
            to = source if source is not None and source.kind == QUEUE else function
            settings = function.properties.get("Environment", {})
            for place in places.intersection(self.referred(function.stack, settings)):
                yield place, Feed(how=How.ITSELF, source=function, to=to)
        for machine in self.all(MACHINE):
            definition = machine.properties.get("DefinitionString")
            for place in places.intersection(self.referred(machine.stack, definition)):
                yield place, Feed(how=How.SAGA, source=machine, to=None)


Parking = tuple[How, Any, Any, Mapping[str, Any]]


def _parking(resource: Resource) -> Iterator[Parking]:
    """How a resource parks: what a redrive hands over to (None: to itself), where, and its target.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
    """
    own = resource.properties
    match resource.kind:
        case "AWS::SQS::Queue" if "RedrivePolicy" in own:
            yield How.QUEUE, None, own["RedrivePolicy"]["deadLetterTargetArn"], {}
        case "AWS::SNS::Subscription" if "RedrivePolicy" in own:
            where = own["RedrivePolicy"]["deadLetterTargetArn"]
            yield How.SUBSCRIPTION, own["Endpoint"], where, {}
        case "AWS::Events::Rule":
            for target in own.get("Targets", []):
                if "DeadLetterConfig" in target:
                    yield How.RULE, target["Arn"], target["DeadLetterConfig"]["Arn"], target
        case "AWS::Scheduler::Schedule" if "DeadLetterConfig" in own["Target"]:
            target = own["Target"]
            yield How.SCHEDULE, target["Arn"], target["DeadLetterConfig"]["Arn"], target
        case "AWS::Lambda::EventInvokeConfig" | "AWS::Lambda::EventSourceMapping":
            where = own.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            mapping = resource.kind == MAPPING
            if where:
                how = How.MAPPING if mapping else How.DESTINATION
                yield how, own["FunctionName"], where, own if mapping else {}
        case "AWS::Lambda::Function" if "DeadLetterConfig" in own:
            yield How.DEAD_LETTERS, None, own["DeadLetterConfig"]["TargetArn"], {}
