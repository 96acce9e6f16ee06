"""Whether the local cloud is what the templates say.

CloudFormation on AWS fails a stack whose template it cannot carry out. The emulator's drops what
it does not know, without a word. So a template is checked before it is deployed: each type and
each property has to be in `local.held`, as held or as not to be held for a reason. And when it is
deployed, each property is read back through the API of its service.
"""

import json
import re
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.cloud import Cloud, CloudError
from local.held import HELD, UNHELD, Ask

Template = Mapping[str, Any]
_PSEUDO = "AccountId NoValue NotificationARNs Partition Region StackId StackName URLSuffix"
_ATTRIBUTES = "Condition DeletionPolicy DependsOn Metadata Properties Type UpdateReplacePolicy"
_LONGEST = 200
_SCOPES = ("ApiId", "EventBusName", "GroupName")
"""Properties within which a name is unique."""
_VARIABLE = re.compile(r"\$\{([^!.}]+)[^}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What did not arrive as the template says."""

    where: str
    kind: str
    path: str
    """The property, and the way down to what differs in it; empty for the resource as a whole."""
    what: str

    @property
    def listed(self) -> str:
        """The entry of `UNHELD` that it comes under, if any."""
        way = f"{self.kind}.{self.path}."
        return next((name for name in UNHELD if way.startswith(f"{name}.")), "")

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.where, self.path, self.what)))


def templates(assembly: Path) -> dict[str, Template]:
    """Return the template of each stack of a cloud assembly."""
    artifacts = json.loads((assembly / "manifest.json").read_text()).get("artifacts", {})
    stacks = {
        name: artifact["properties"]
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    return {
        stack.get("stackName", name): json.loads((assembly / stack["templateFile"]).read_text())
        for name, stack in stacks.items()
    }


def check(stacks: Mapping[str, Template]) -> None:
    """Raise CloudError for what the local cloud cannot carry out, a line for each cause."""
    outputs = {f"{stack}.{name}" for stack, it in stacks.items() for name in it.get("Outputs", {})}
    pseudo = {f"AWS::{name}" for name in _PSEUDO.split()}
    causes = []
    for stack, template in stacks.items():
        resources = template["Resources"]
        known = {*pseudo, *template.get("Parameters", {}), *resources, *outputs}
        for logical_id, resource in resources.items():
            where = _where(stack, logical_id, resource)
            causes += [f"{where}: {cause}" for cause in _unknown(resource)]
            causes += [f"{where}: {cause}" for cause in _dangling(resource, known)]
        outside = _dangling(template.get("Outputs", {}), known)
        causes += [f"{stack}: Outputs: {cause}" for cause in outside]
    _raise(causes)


def verify(cloud: Cloud, stacks: Mapping[str, Template]) -> None:
    """Raise CloudError unless all that can be held is held, a line for each difference."""
    _raise([str(each) for each in differences(cloud, stacks) if not each.listed])


def differences(cloud: Cloud, stacks: Mapping[str, Template]) -> Iterator[Difference]:
    """Compare each property of the templates with what its service answers."""
    ask, names = _asking(cloud), dict[Any, str]()
    for stack, template in stacks.items():
        deployed = {each["LogicalResourceId"]: each for each in _deployed(ask, stack)}
        for logical_id, resource in template["Resources"].items():
            kind = resource["Type"]
            if kind not in HELD or (logical_id not in deployed and "Condition" in resource):
                continue
            where = _where(stack, logical_id, resource)
            difference = partial(Difference, where=where, kind=kind)
            try:
                record = deployed[logical_id]
                said = json.loads(record["ExpectedProperties"])
                answered = HELD[kind][0](ask, record["PhysicalResourceId"], said)
            except (ClientError, LookupError) as error:
                yield difference(path="", what=f"cannot be read back: {error}")
                continue
            name = (kind, record["PhysicalResourceId"], *(said.get(key) for key in _SCOPES))
            if names.setdefault(name, where) != where:
                yield difference(path="", what=f"has the same name as {names[name]}")
            # No service is told of these.
            stated = {key: resource[key] for key in sorted(resource.keys() - _ATTRIBUTES.split())}
            for path, what in differing({**said, **stated}, answered):
                yield difference(path=path, what=what)


def differing(said: Any, answered: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Find where the answer falls short of what was said.

    It may say more: what a template leaves out has a default. It may say the same in the words of
    an API: first letters in lower case, numbers and switches as text, objects as JSON, lists in
    another order.
    """
    if isinstance(answered, str) and isinstance(said, dict | list):
        answered = _plain(answered)
    if isinstance(said, str) and isinstance(answered, dict | list):
        said = _plain(said)
    if isinstance(said, dict) and isinstance(answered, Mapping):
        by_name = {name.casefold(): value for name, value in answered.items()} | dict(answered)
        for name, value in said.items():
            there = by_name.get(name, by_name.get(name.casefold()))
            yield from differing(value, there, f"{path}.{name}" if path else name)
    elif isinstance(said, list) and isinstance(answered, list) and len(said) == len(answered):
        left = list(answered)
        unmatched = [(n, item) for n, item in enumerate(said) if not _take(left, item)]
        for (n, item), other in zip(unmatched, left, strict=True):
            yield from differing(item, other, f"{path}.{n}")
    elif not _same(said, answered):
        yield path, f"is {_short(answered)}, not {_short(said)}"


def _take(items: list[Any], wanted: Any) -> bool:
    for n, item in enumerate(items):
        if not any(differing(wanted, item)):
            del items[n]
            return True
    return False


def _same(said: Any, answered: Any) -> bool:
    if answered is None:
        return said in ("", [], {})
    return _canonical(said) == _canonical(answered)


def _canonical(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(_plain(value), sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    with suppress(TypeError, ValueError):
        return json.loads(value)
    return value


def _short(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, default=str)[:_LONGEST]


def _unknown(resource: Mapping[str, Any]) -> Iterator[str]:
    kind = resource["Type"]
    for name in sorted(resource.keys() - _ATTRIBUTES.split()):
        if f"{kind}.{name}" not in UNHELD:
            yield f"the local cloud does not know the attribute {name}"
    if kind in HELD:
        held = HELD[kind][1].split()
        for name in resource.get("Properties", {}):
            if name not in held and f"{kind}.{name}" not in UNHELD:
                yield f"the local cloud does not know {name} (see local/held.py)"
    elif kind not in UNHELD and not kind.startswith("Custom::"):
        yield "the local cloud does not know this type (see local/held.py)"


def _dangling(part: Mapping[str, Any], known: Set[str]) -> Iterator[str]:
    after = part.get("DependsOn", [])
    for name in (*_references(part), *([after] if isinstance(after, str) else after)):
        if name not in known:
            yield f"it refers to {name}, which does not exist"


def _references(node: Any) -> Iterator[str]:
    """Name all that a part of a template refers to; another stack's output is Stack.Output."""
    match node:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::GetStackOutput": {"StackName": str(stack), "OutputName": str(output)}}:
            yield f"{stack}.{output}"
        case {"Fn::Sub": str(text)}:
            yield from _VARIABLE.findall(text)
        case {"Fn::Sub": [str(text), dict(variables)]}:
            yield from set(_VARIABLE.findall(text)) - variables.keys()
            yield from _references(variables)
        case dict():
            for value in node.values():
                yield from _references(value)
        case list():
            for value in node:
                yield from _references(value)


def _where(stack: str, logical_id: str, resource: Mapping[str, Any]) -> str:
    return f"{stack}: {logical_id} ({resource['Type']})"


def _raise(causes: list[str]) -> None:
    if causes:
        raise CloudError("\n".join(causes))


def _deployed(ask: Ask, stack: str) -> Iterator[Any]:
    """Yield the resources of a stack with what CloudFormation was told of each."""
    ask("cloudformation", "detect_stack_drift", StackName=stack)
    page: dict[str, str] = {"StackName": stack}
    while page:
        answer = ask("cloudformation", "describe_stack_resource_drifts", **page)
        yield from answer["StackResourceDrifts"]
        token = answer.get("NextToken")
        page = {"StackName": stack, "NextToken": token} if token else {}


def _asking(cloud: Cloud) -> Ask:
    """Ask each question once: some of them are answered for many resources."""
    client = cache(cloud.clients())
    answers: dict[str, Any] = {}

    def ask(service: str, operation: str, **arguments: Any) -> Any:
        question = json.dumps([service, operation, arguments])
        if question not in answers:
            api = client(service)
            if api.can_paginate(operation):
                pages = api.get_paginator(operation).paginate(**arguments)
                answers[question] = pages.build_full_result()
            else:
                answers[question] = answer = getattr(api, operation)(**arguments)
                if "Body" in answer:
                    answer["Body"] = answer["Body"].read()
        return answers[question]

    return ask
