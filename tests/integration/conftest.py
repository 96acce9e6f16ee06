"""A local cloud for each module of tests, and stacks that go with their test."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from emulator.cloud import Cloud, running
from tests.integration.local_aws import dynamodb, endpoint, load_handler, make_table
from tests.support.small_stacks import IAM, Deploy, Stack, Template, client
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

__all__ = ["dynamodb", "endpoint", "load_handler", "make_table"]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running() as cloud:
        yield cloud


@pytest.fixture
def deploy(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Deploy]:
    """Create a stack of the test's own from resources and outputs; it goes with the test."""
    stacks = client(cloud, "cloudformation")
    name = re.sub(r"\W|_", "-", request.node.name).strip("-")

    def await_stack() -> Mapping[str, Any]:
        def stack() -> dict[str, Any]:
            return dict(stacks.describe_stacks(StackName=name)["Stacks"][0])

        wait_until(
            f"{name} is still in progress",
            lambda: not stack()["StackStatus"].endswith("_IN_PROGRESS"),
            seconds=TIMEOUT_SECONDS,
        )
        return stack()

    def create(resources: Template, **outputs: Any) -> Stack:
        body = {
            "Resources": resources,
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        stacks.create_stack(StackName=name, TemplateBody=json.dumps(body), Capabilities=IAM)
        stack = await_stack()
        if stack["StackStatus"] != "CREATE_COMPLETE":
            events = stacks.describe_stack_events(StackName=name)["StackEvents"]
            raise RuntimeError([event.get("ResourceStatusReason") for event in events])
        answered = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
        return Stack(name, answered)

    yield create
    stacks.delete_stack(StackName=name)
