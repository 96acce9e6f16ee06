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
        raise OperationError(f"{folder} has no template of {prefix}…: run make synth")
    return {path.name.removesuffix(".template.json"): _read(path) for path in paths}


def _read(path: Path) -> Template:
    try:
        template = json.loads(path.read_text())
    except ValueError as error:
        # An interrupted synthesis leaves such a file.
        raise OperationError(f"{path} cannot be parsed: {error}: run make synth") from error
    if not isinstance(template, dict):
        raise OperationError(f"{path} has no JSON object: run make synth")
    return template


def resources_of(
    templates: Mapping[str, Template], *kinds: str
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield stack, logical id and declaration of each resource of these CloudFormation types."""
    for stack, template in templates.items():
        for id, declaration in template["Resources"].items():
            if declaration["Type"] in kinds:
                yield stack, id, declaration
