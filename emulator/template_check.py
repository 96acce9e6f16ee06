"""Checks that the local cloud has what the templates declare.

On AWS, CloudFormation fails a stack whose template it cannot carry out. The emulator's silently
drops what it does not know. So a template is checked before it is deployed: `emulator.readback` has
to list each type and each property, as supported or as unsupported for a reason. After the
deployment, each supported property is read back through the API of its service.
"""

import json
import re
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from emulator.cloud import Cloud, CloudError
from emulator.readback import READERS, UNSUPPORTED
from emulator.readers import Query

Template = Mapping[str, Any]
_PSEUDO = "AccountId NoValue NotificationARNs Partition Region StackId StackName URLSuffix"
_ATTRIBUTES = "Condition DeletionPolicy DependsOn Metadata Properties Type UpdateReplacePolicy"
_LONGEST = 200
_SCOPES = ("ApiId", "AutoScalingGroupName", "EventBusName", "GroupName")
"""Properties within which a name is unique."""
_VARIABLE = re.compile(r"\$\{([^!.}]+)[^}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A difference between a deployed resource and its template."""

    where: str
    kind: str
    path: str
    """The path of the value that differs, from its property on; empty for the whole resource."""
    what: str

    @property
    def exemption(self) -> str:
        """The entry of `UNSUPPORTED` that covers the difference; empty if none does."""
        way = f"{self.kind}.{self.path}."
        return next((name for name in UNSUPPORTED if way.startswith(f"{name}.")), "")

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


def check_templates(stacks: Mapping[str, Template]) -> None:
    """Raise CloudError if the local cloud does not support all parts of the templates.

    The message has a line for each cause.
    """
    outputs = {f"{stack}.{name}" for stack, it in stacks.items() for name in it.get("Outputs", {})}
    pseudo = {f"AWS::{name}" for name in _PSEUDO.split()}
    causes = []
    for stack, template in stacks.items():
        resources = template["Resources"]
        known = {*pseudo, *template.get("Parameters", {}), *resources, *outputs}
        for logical_id, resource in resources.items():
            where = _where(stack, logical_id, resource)
            causes += [f"{where}: {cause}" for cause in _unsupported_parts(resource)]
            causes += [f"{where}: {cause}" for cause in _dangling_references(resource, known)]
        outside = _dangling_references(template.get("Outputs", {}), known)
        causes += [f"{stack}: Outputs: {cause}" for cause in outside]
    _raise(causes)


def verify_deployment(
    cloud: Cloud, stacks: Mapping[str, Template], *, drifted: Set[str] = frozenset()
) -> None:
    """Raise CloudError if a deployed resource differs from its template.

    The message has a line for each difference. Properties in `UNSUPPORTED` and in ``drifted``
    (`Type.Property`) are not compared.
    """
    differences = (each for each in find_differences(cloud, stacks) if not each.exemption)
    _raise([str(each) for each in differences if f"{each.kind}.{each.path}" not in drifted])


def find_differences(cloud: Cloud, stacks: Mapping[str, Template]) -> Iterator[Difference]:
    """Yield the differences between the templates and what each service's API returns."""
    query, names = _cached_query(cloud), dict[Any, str]()
    for stack, template in stacks.items():
        deployed = {each["LogicalResourceId"]: each for each in _deployed(query, stack)}
        for logical_id, resource in template["Resources"].items():
            kind = resource["Type"]
            if kind not in READERS or (logical_id not in deployed and "Condition" in resource):
                continue
            where = _where(stack, logical_id, resource)
            difference = partial(Difference, where=where, kind=kind)
            try:
                record = deployed[logical_id]
                expected = json.loads(record["ExpectedProperties"])
                actual = READERS[kind][0](query, record["PhysicalResourceId"], expected)
            except (ClientError, LookupError) as error:
                yield difference(path="", what=f"cannot be read back: {error}")
                continue
            name = (kind, record["PhysicalResourceId"], *(expected.get(key) for key in _SCOPES))
            if names.setdefault(name, where) != where:
                yield difference(path="", what=f"has the same name as {names[name]}")
            # These attributes are CloudFormation's own; no service has them.
            stated = {key: resource[key] for key in sorted(resource.keys() - _ATTRIBUTES.split())}
            for path, what in find_mismatches({**expected, **stated}, actual):
                yield difference(path=path, what=what)


def find_mismatches(expected: Any, actual: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and description of each expected value that the actual one does not have.

    The actual value may have more: properties that a template leaves out have defaults. It may also
    be spelled as in an API: first letters in lower case, numbers and booleans as text, objects as
    JSON, lists in another order.
    """
    if isinstance(actual, str) and isinstance(expected, dict | list):
        actual = _plain(actual)
    if isinstance(expected, str) and isinstance(actual, dict | list):
        expected = _plain(expected)
    if isinstance(expected, dict) and isinstance(actual, Mapping):
        by_name = {name.casefold(): value for name, value in actual.items()} | dict(actual)
        for name, value in expected.items():
            there = by_name.get(name, by_name.get(name.casefold()))
            yield from find_mismatches(value, there, f"{path}.{name}" if path else name)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        left = list(actual)
        unmatched = [(n, item) for n, item in enumerate(expected) if not _take(left, item)]
        for (n, item), other in zip(unmatched, left, strict=True):
            yield from find_mismatches(item, other, f"{path}.{n}")
    elif not _same(expected, actual):
        yield path, f"is {_short(actual)}, not {_short(expected)}"


def _take(items: list[Any], wanted: Any) -> bool:
    for n, item in enumerate(items):
        if not any(find_mismatches(wanted, item)):
            del items[n]
            return True
    return False


def _same(expected: Any, actual: Any) -> bool:
    if actual is None:
        return expected in ("", [], {})
    return _canonical(expected) == _canonical(actual)


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


def _unsupported_parts(resource: Mapping[str, Any]) -> Iterator[str]:
    kind = resource["Type"]
    for name in sorted(resource.keys() - _ATTRIBUTES.split()):
        if f"{kind}.{name}" not in UNSUPPORTED:
            yield f"the local cloud does not know the attribute {name}"
    if kind in READERS:
        held = READERS[kind][1].split()
        for name in resource.get("Properties", {}):
            if name not in held and f"{kind}.{name}" not in UNSUPPORTED:
                yield f"the local cloud does not know {name} (see emulator/readback.py)"
    elif kind not in UNSUPPORTED and not kind.startswith("Custom::"):
        yield "the local cloud does not know this type (see emulator/readback.py)"


def _dangling_references(part: Mapping[str, Any], known: Set[str]) -> Iterator[str]:
    after = part.get("DependsOn", [])
    for name in (*_references(part), *([after] if isinstance(after, str) else after)):
        if name not in known:
            yield f"it refers to {name}, which does not exist"


def _references(node: Any) -> Iterator[str]:
    """Yield all names that a part of a template refers to, and outputs as Stack.Output."""
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


def _deployed(query: Query, stack: str) -> Iterator[Any]:
    """Yield the resources of a stack. CloudFormation has resolved their properties."""
    query("cloudformation", "detect_stack_drift", StackName=stack)
    page: dict[str, str] = {"StackName": stack}
    while page:
        answer = query("cloudformation", "describe_stack_resource_drifts", **page)
        yield from answer["StackResourceDrifts"]
        token = answer.get("NextToken")
        page = {"StackName": stack, "NextToken": token} if token else {}


def _cached_query(cloud: Cloud) -> Query:
    """Return a function that calls the APIs and caches answers: some serve many resources."""
    answers: dict[str, Any] = {}

    def query(service: str, operation: str, **arguments: Any) -> Any:
        question = json.dumps([service, operation, arguments])
        if question not in answers:
            api = cloud.client(service)
            if api.can_paginate(operation):
                pages = api.get_paginator(operation).paginate(**arguments)
                answers[question] = pages.build_full_result()
            else:
                answers[question] = answer = getattr(api, operation)(**arguments)
                if "Body" in answer:
                    answer["Body"] = answer["Body"].read()
        return answers[question]

    return query
