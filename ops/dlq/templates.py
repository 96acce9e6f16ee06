"""Deployed templates: their resources, and the references between these."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stacks.names import resource_name

QUEUE, BUCKET, FUNCTION = "AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::Lambda::Function"
MAPPING, MACHINE = "AWS::Lambda::EventSourceMapping", "AWS::StepFunctions::StateMachine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of a stack."""

    stack: str
    id: str
    """Its logical id."""
    kind: str
    """Its CloudFormation type."""
    physical: str
    """Its physical id: a name, an ARN or a URL."""
    properties: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)
    log_group: str = field(default="", compare=False)
    """The name of a function's log group."""
    deletion_policy: str = field(default="Delete", compare=False)
    """What becomes of it when its stack is deleted."""

    @property
    def name(self) -> str:
        """The name in the command's output, such as ``orders/Repair``."""
        return resource_name(self.stack, self.id)

    def __str__(self) -> str:
        return self.name

    def matches_arn(self, arn: str) -> bool:
        """Return whether an ARN is this resource's.

        The last part of the resource's physical id, such as a queue's name, has to be a part of the
        ARN.
        """
        parts = re.compile("[/:|]")
        return bool(arn) and parts.split(self.physical)[-1] in parts.split(arn)


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A deployed stack: its template, and the physical ids of its resources by logical id."""

    template: Mapping[str, Any]
    ids: Mapping[str, str]


class Templates:
    """The templates of an environment's stacks, by stack."""

    def __init__(self, stacks: Mapping[str, DeployedStack]) -> None:
        self._stacks = stacks
        self._resources: dict[tuple[str, str], Resource] = {}
        """What was made before: references lead to the same resources again and again."""

    @property
    def by_stack(self) -> Mapping[str, Mapping[str, Any]]:
        """The templates as CloudFormation returned them, by stack."""
        return {name: stack.template for name, stack in self._stacks.items()}

    def resources(self, *kinds: str) -> Iterator[Resource]:
        """Yield the resources of these types, or all if no type is given."""
        for name, stack in self._stacks.items():
            for id, declared in stack.template["Resources"].items():
                if not kinds or declared["Type"] in kinds:
                    yield self._resource(name, id)

    def references(self, stack: str, value: Any) -> Iterator[Resource]:
        """Yield the resources that a template's value refers to, at any depth."""
        match value:
            case {"Ref": str(id)} | {"Fn::GetAtt": [str(id), *_]}:
                if id in self._stacks[stack].template["Resources"]:
                    yield self._resource(stack, id)
            case {"Fn::GetStackOutput": {"StackName": str(other), "OutputName": str(output)}}:
                # A deployment that was interrupted may have removed an output that is still read.
                outputs = self._stacks[other].template["Outputs"] if other in self._stacks else {}
                if output in outputs:
                    yield from self.references(other, outputs[output]["Value"])
            case dict():
                for inner in value.values():
                    yield from self.references(stack, inner)
            case list():
                for inner in value:
                    yield from self.references(stack, inner)

    def first_reference(self, stack: str, value: Any) -> Resource | None:
        """Return the first resource that a value refers to; None if there is none."""
        return next(self.references(stack, value), None)

    def _resource(self, stack: str, id: str) -> Resource:
        if (stack, id) not in self._resources:
            self._resources[stack, id] = self._make_resource(stack, id)
        return self._resources[stack, id]

    def _make_resource(self, stack: str, id: str) -> Resource:
        declared = self._stacks[stack].template["Resources"][id]
        ids, properties = self._stacks[stack].ids, declared.get("Properties", {})
        logging = properties.get("LoggingConfig", {}) if declared["Type"] == FUNCTION else {}
        return Resource(
            stack=stack,
            id=id,
            kind=declared["Type"],
            physical=ids.get(id, ""),
            properties=properties,
            log_group=ids.get(logging.get("LogGroup", {}).get("Ref", ""), ""),
            deletion_policy=declared.get("DeletionPolicy", "Delete"),
        )
