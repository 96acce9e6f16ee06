"""The templates that `cdk synth` wrote."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.deployed import OperationError
from stacks.names import stack_name

Template = Mapping[str, Any]


def read_synthesized_templates(folder: Path, environment: str) -> Mapping[str, Template]:
    """Return an environment's synthesized templates, by stack.

    Raises:
        OperationError: the folder has none, or a file is no template.
    """
    prefix = stack_name(environment, "")
    paths = sorted(folder.glob(f"{prefix}*.template.json"))
    if not paths:
        why = f"{folder} has no template of {prefix}…: run make synth ENV={environment}"
        raise OperationError(why)
    return {path.name.removesuffix(".template.json"): _read(path, environment) for path in paths}


def _read(path: Path, environment: str) -> Template:
    again = f"run make synth ENV={environment}"
    try:
        template = json.loads(path.read_text())
    except ValueError as error:
        # An interrupted synthesis leaves such a file.
        raise OperationError(f"{path} cannot be parsed: {error}: {again}") from error
    if not isinstance(template, dict):
        raise OperationError(f"{path} has no JSON object: {again}")
    return template


def resources_of(
    templates: Mapping[str, Template], *kinds: str
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield stack, logical id and declaration of each resource of these CloudFormation types."""
    for stack, template in templates.items():
        for id, declaration in template["Resources"].items():
            if declaration["Type"] in kinds:
                yield stack, id, declaration
