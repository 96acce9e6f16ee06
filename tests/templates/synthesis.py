"""The platform's templates, synthesized once a process for each environment."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App, Duration
from aws_cdk.aws_stepfunctions import StateMachineType

from app import compose
from stacks.environments import DEV, ENVIRONMENTS, ApiDomain, Environment
from stacks.sender import Sender

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(
    {
        name
        for module in (ROOT / "stacks").rglob("*.py")
        for name in re.findall(r'__init__\(scope, env\.stack_name\("(\w+)"\)', module.read_text())
    }
)
"""The services that have a stack, as its name says it."""

OPTIONS = replace(
    DEV,
    partner_event_source=None,
    saga_type=next(kind for kind in StateMachineType if kind != DEV.saga_type),
    sender=Sender(address="orders@shop.example", identity="shop.example"),
    alarm_addresses=("on-call@shop.example",),
    api_domain=ApiDomain(
        name="api.shop.example",
        certificate_arn="arn:aws:acm:eu-west-1:123456789012:certificate/c0ffee",
    ),
    order_expected_within=Duration.hours(6),
)
"""``dev`` without a partner, with the other type of saga and what no environment has by itself."""
PARTNER = "aws.partner/example.com/card-company/disputes"

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of one stack's template."""

    stack: str
    id: str
    declaration: Json

    @property
    def kind(self) -> str:
        return str(self.declaration["Type"])

    @property
    def properties(self) -> Json:
        return self.declaration.get("Properties", {})

    def __str__(self) -> str:
        return f"{self.stack}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """All templates of one environment, and what refers to what in them."""

    environment: Environment
    templates: Mapping[str, Json]

    def all(self, *kinds: str) -> Iterator[Resource]:
        """Every resource of these types; of any type when none is given."""
        for stack, template in self.templates.items():
            for id, declaration in template["Resources"].items():
                if not kinds or declaration["Type"] in kinds:
                    yield Resource(stack=stack, id=id, declaration=declaration)

    def one(self, kind: str, containing: str = "") -> Resource:
        """The only resource of this type with that text in its stack's name, ``/`` and its id."""
        found = [resource for resource in self.all(kind) if containing in str(resource)]
        if len(found) != 1:
            raise LookupError(
                f"{kind} with {containing!r} in its name: {', '.join(map(str, found)) or 'none'};"
                " this test means one: name it more exactly, such as 'Warehouse/PickingE9B423F6'"
            )
        return found[0]

    def referred(self, stack: str, value: Json) -> Resource | None:
        """What a ``Ref``, ``GetAtt`` or output of another stack stands for."""
        match value:
            case {"Ref": id} | {"Fn::GetAtt": [id, *_]}:
                declaration = self.templates[stack]["Resources"].get(id)
                return declaration and Resource(stack=stack, id=id, declaration=declaration)
            case {"Fn::GetStackOutput": {"StackName": other, "OutputName": output}}:
                return self.referred(other, self.templates[other]["Outputs"][output]["Value"])
        return None

    def copy(self) -> "Platform":
        """The same, free to be changed."""
        # By way of JSON, which takes a fifth of the time of deepcopy.
        return Platform(
            environment=self.environment, templates=json.loads(json.dumps(self.templates))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """What one run of the app left behind."""

    app: App
    platform: Platform
    folder: TemporaryDirectory[str]

    def asset(self, hash: str) -> Path:
        """The folder that becomes the asset with this hash."""
        return Path(self.folder.name) / f"asset.{hash}"


def with_partner(name: str) -> Environment:
    """An environment with a partner, and without what its owner has set of their own."""
    return replace(
        ENVIRONMENTS[name],
        partner_event_source=PARTNER,
        sender=None,
        alarm_addresses=(),
        api_domain=None,
    )


@cache
def synthesis_of(environment: Environment) -> Synthesis:
    """Run the app for an environment, as the command line would, without its slow validation."""
    folder = TemporaryDirectory(prefix="orders-synthesis-")
    app = new_app(outdir=folder.name)
    compose(app, environment)
    platform = Platform(environment=environment, templates=templates(app))
    return Synthesis(app=app, platform=platform, folder=folder)


def synthesis(environment: str) -> Synthesis:
    """What the app leaves behind for the environment of this name, with a partner."""
    return synthesis_of(with_partner(environment))


def templates(app: App) -> dict[str, Json]:
    """Synthesize, and read what came out, by stack."""
    return {
        stack.stack_name: json.loads(Path(stack.template_full_path).read_text())
        for stack in app.synth().stacks
    }


def platform(environment: str) -> Platform:
    """The templates of an environment; not to be changed, but by way of ``copy``."""
    return synthesis(environment).platform


def new_app(outdir: str | None = None) -> App:
    """An app with the flags that the command line would give it."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    return App(
        context=context,
        outdir=outdir,
        builtin_cloud_formation_validation=False,
        analytics_reporting=False,
    )


def readable(value: Json) -> Json:
    """The same with JSON documents inside of texts as JSON, references in them as ``${...}``."""
    match value:
        case {"Fn::Join": ["", list(parts)]}:
            text = "".join(
                part if isinstance(part, str) else _reference_text(part) for part in parts
            )
            return json.loads(text) if text.startswith("{") else value
        case dict():
            return {name: readable(inner) for name, inner in value.items()}
        case list():
            return [readable(inner) for inner in value]
    return value


def _reference_text(reference: Json) -> str:
    match reference:
        case {"Ref": id}:
            return f"${{{id}}}"
        case {"Fn::GetAtt": [id, attribute]}:
            return f"${{{id}.{attribute}}}"
        case {"Fn::GetStackOutput": {"StackName": stack, "OutputName": output}}:
            return f"${{{stack}/{output}}}"
        case {"Fn::Sub": str(text)}:
            return text
    raise ValueError(f"unknown kind of reference: {reference}")


def definition(machine: Resource) -> Json:
    """A state machine's definition."""
    return readable(machine.properties["DefinitionString"])
