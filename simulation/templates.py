"""The templates of an environment, with every reference resolved to a resource's name.

A resource's name is its stack and logical id; it also serves as its ARN and its URL.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App
from aws_cdk import aws_stepfunctions as sfn

from app import compose
from stacks.environments import DEV
from stacks.sender import Sender

ROOT = Path(__file__).resolve().parents[1]
PARTNER = "aws.partner/example.com/card-company/disputes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource whose properties have all references resolved."""

    name: str
    kind: str
    properties: Mapping[str, Any]


class Templates:
    """The templates of an environment, by stack."""

    def __init__(self, templates: Mapping[str, Any]) -> None:
        self._templates = templates
        self._resources: dict[str, list[Resource]] = {}

    def all(self, kind: str) -> Iterator[Resource]:
        """Yield the resources of this type, in the order of the templates."""
        if kind not in self._resources:
            self._resources[kind] = list(self._all(kind))
        yield from self._resources[kind]

    def _all(self, kind: str) -> Iterator[Resource]:
        for stack, template in self._templates.items():
            for id_, declared in template["Resources"].items():
                if declared["Type"] == kind:
                    properties = self._resolved(stack, declared.get("Properties", {}))
                    yield Resource(name=f"{stack}.{id_}", kind=kind, properties=properties)

    def output(self, stack: str, name: str) -> str:
        """Return the stack's output whose name ends with ``name``."""
        (full,) = (each for each in self._templates if each.endswith(f"-{stack}"))
        return str(self._resolved(full, self._templates[full]["Outputs"][name]["Value"]))

    def _resolved(self, stack: str, value: Any) -> Any:
        match value:
            case {"Ref": id_}:
                template = self._templates[stack]
                if id_ in template["Resources"]:
                    return f"{stack}.{id_}"
                parameter = template.get("Parameters", {}).get(id_, {})
                return parameter.get("Default", id_)
            case {"Fn::GetAtt": [id_, *_]}:
                return f"{stack}.{id_}"
            case {"Fn::GetStackOutput": {"StackName": other, "OutputName": output}}:
                return self._resolved(other, self._templates[other]["Outputs"][output]["Value"])
            case {"Fn::Join": [separator, parts]}:
                return separator.join(str(self._resolved(stack, part)) for part in parts)
            case {"Fn::Select": [index, choices]}:
                return self._resolved(stack, choices)[int(self._resolved(stack, index))]
            case dict():
                return {name: self._resolved(stack, inner) for name, inner in value.items()}
            case list():
                return [self._resolved(stack, inner) for inner in value]
        return value


@cache
def synthesized(*, express: bool) -> Templates:
    """Synthesize the app for the dev environment, with Express or Standard workflows."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    with TemporaryDirectory(prefix="orders-simulation-") as folder:
        app = App(
            context=context,
            outdir=folder,
            builtin_cloud_formation_validation=False,
            analytics_reporting=False,
        )
        kind = sfn.StateMachineType.EXPRESS if express else sfn.StateMachineType.STANDARD
        sender = Sender(address="shop@example.com", identity="example.com")
        compose(app, replace(DEV, partner_event_source=PARTNER, saga_type=kind, sender=sender))
        stacks = app.synth().stacks
        return Templates(
            {s.stack_name: json.loads(Path(s.template_full_path).read_text()) for s in stacks}
        )
