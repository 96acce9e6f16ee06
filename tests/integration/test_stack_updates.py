"""An update changes one resource after another, and a stack has one operation at a time."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.cloud import Cloud
from tests.support.deliveries import queue
from tests.support.small_stacks import Deploy, client, ref

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
