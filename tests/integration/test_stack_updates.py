"""An update changes one resource after another, and a stack has one operation at a time."""

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.cloud import Cloud
from emulator.instances import launch_template
from tests.support.deliveries import queue
from tests.support.small_stacks import Deploy, client, get, ref

QUEUES = [f"Queue{number}" for number in range(20)]


def template(timeout: int) -> dict[str, Any]:
    return {name: queue(VisibilityTimeout=timeout) for name in QUEUES}


def change_set(name: str, timeout: int) -> dict[str, Any]:
    return {
        "StackName": name,
        "ChangeSetName": "change",
        "TemplateBody": json.dumps({"Resources": template(timeout)}),
    }


def test_requests_are_answered_in_the_middle_of_an_update_and_no_second_one_begins(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = deploy(template(1), **{name: ref(name) for name in QUEUES})
    stacks, sqs = client(cloud, "cloudformation"), client(cloud, "sqs")
    update = change_set(stack.name, 2)
    stacks.update_stack(StackName=stack.name, TemplateBody=update["TemplateBody"])

    with pytest.raises(ClientError, match="is in UPDATE_IN_PROGRESS state and can not be updated"):
        stacks.create_change_set(**change_set(stack.name, 3))

    seen: set[frozenset[str]] = set()
    while stacks.describe_stacks(StackName=stack.name)["Stacks"][0]["StackStatus"] != (
        "UPDATE_COMPLETE"
    ):
        attributes = [
            sqs.get_queue_attributes(QueueUrl=stack.outputs[name], AttributeNames=["All"])
            for name in (QUEUES[0], QUEUES[-1])
        ]
        seen.add(frozenset(each["Attributes"]["VisibilityTimeout"] for each in attributes))
    assert frozenset({"1", "2"}) in seen
    stacks.create_change_set(**change_set(stack.name, 3))


def group(user_data: str) -> dict[str, Any]:
    encoded = b64encode(user_data.encode()).decode()
    return {
        "Template": {
            "Type": "AWS::EC2::LaunchTemplate",
            "Properties": {"LaunchTemplateData": {"UserData": encoded}},
        },
        "Group": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {
                "MinSize": "0",
                "MaxSize": "1",
                "AvailabilityZones": {"Fn::GetAZs": ""},
                "LaunchTemplate": {
                    "LaunchTemplateId": ref("Template"),
                    "Version": get("Template", "LatestVersionNumber"),
                },
            },
        },
    }


def test_update_of_what_instances_are_launched_from_is_seen_by_those_who_run_them(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = deploy(group("old"), Group=ref("Group"))
    name = stack.outputs["Group"]
    before = launch_template(cloud, name)
    assert launch_template(cloud, name) == before

    stacks = client(cloud, "cloudformation")
    body = {"Resources": group("new"), "Outputs": {"Group": {"Value": ref("Group")}}}
    stacks.update_stack(StackName=stack.name, TemplateBody=json.dumps(body))
    stacks.get_waiter("stack_update_complete").wait(
        StackName=stack.name, WaiterConfig={"Delay": 0.1}
    )

    after = launch_template(cloud, name)
    assert b64decode(after["UserData"]) == b"new"
    assert b64decode(before["UserData"]) == b"old"
