"""A whole environment: checked before, used once, taken away with all that is in it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.deployment import deploy_app
from demo.workers import running_every_group
from emulator.cloud import Cloud, running
from tests.support.cli import run_ops_in_process
from tests.support.deliveries import eventually


@dataclass(frozen=True, slots=True)
class Platform:
    cloud: Cloud
    outputs: Any

    @property
    def templates(self) -> str:
        return str(self.cloud.directory / "cdk.out")

    def stacks(self) -> list[str]:
        pages = self.cloud.client("cloudformation").get_paginator("describe_stacks").paginate()
        names = (stack["StackName"] for page in pages for stack in page["Stacks"])
        return [name for name in names if name.startswith("Orders-")]

    def invoices(self) -> int:
        bucket = self.outputs["InvoicesBucket"]
        return int(self.cloud.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"])


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running() as cloud:
        outputs = deploy_app(cloud, progress=lambda _: None)
        with running_every_group(cloud):
            yield Platform(cloud, outputs)


def test_environment_is_checked_used_and_taken_away(platform: Platform):
    code, out, err = run_ops_in_process(
        platform.cloud, "preflight", "--json", "--templates", platform.templates
    )
    assert (code, err) == (0, "")
    found = {each["text"]: each["verdict"] for each in json.loads(out)}
    assert found["all that is deployed is still configured"] == "fine"
    assert found["the update replaces, loses and opens nothing"] == "fine"
    assert found["e-mails come from orders@shop.example"] == "fine"

    code, out, err = run_ops_in_process(platform.cloud, "smoke", "--wait", "120")
    assert (code, err) == (0, ""), out
    *steps, last = out.splitlines()
    assert len(steps) == 8
    assert last.startswith("later   whether alarms watch metrics that exist")
    assert eventually(lambda: platform.invoices() == 1)

    # As if the partner event source were no longer configured.
    (Path(platform.templates) / "Orders-Dev-Disputes.template.json").unlink()
    code, out, err = run_ops_in_process(
        platform.cloud, "teardown", "--yes", "--templates", platform.templates
    )
    assert (code, err) == (0, ""), out
    assert platform.invoices() == 0
    assert "Orders-Dev-Disputes" not in platform.stacks()

    cloudformation = platform.cloud.client("cloudformation")
    for stack in reversed(platform.stacks()):
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    assert platform.stacks() == []
    code, out, err = run_ops_in_process(platform.cloud, "retained", "--json")
    assert (code, json.loads(out)) == (0, {"later": [], "already": []})
