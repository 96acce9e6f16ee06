"""Every template whole: what a change changes is seen in the change's diff.

``pytest tests/templates --snapshot-update`` accepts it.
"""

import re
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import SERVICES, platform, readable

UPDATE = "if you meant this change of the template: pytest tests/templates --snapshot-update"
HASH = re.compile(r"[0-9a-f]{64}|^[0-9a-f]{16}$")


def masked(value: Any) -> Any:
    """Without the hashes of assets and migrations, which change with every edit of their code."""
    match value:
        case str():
            return HASH.sub("<hash>", value)
        case dict():
            return {name: masked(inner) for name, inner in value.items()}
        case list():
            return [masked(inner) for inner in value]
    return value


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_stack_has_a_snapshot(environment: str):
    env = ENVIRONMENTS[environment]

    assert set(platform(environment).templates) == {env.stack_name(service) for service in SERVICES}


@pytest.mark.parametrize(
    ("environment", "stack"),
    [
        pytest.param(name, env.stack_name(service), id=env.stack_name(service))
        for name, env in ENVIRONMENTS.items()
        for service in SERVICES
    ],
)
def test_template(environment: str, stack: str, snapshot: SnapshotAssertion):
    template = masked(readable(platform(environment).templates[stack]))

    assert template == snapshot(extension_class=JSONSnapshotExtension), UPDATE


def test_only_hashes_are_masked():
    assert masked({"Key": f"{'0a' * 32}.zip", "Other": "0a"}) == {
        "Key": "<hash>.zip",
        "Other": "0a",
    }
