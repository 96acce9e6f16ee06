"""Who may do one may do many at once, as AWS has it."""

import json

import pytest
from botocore.exceptions import ClientError

from emulator.cloud import Cloud
from tests.support.small_stacks import Deploy, acting, ref, role

ENTRIES = [{"Id": "1", "Message": "a"}]


def test_batch_needs_the_right_of_the_single_action(cloud: Cloud, deploy: Deploy) -> None:
    roles = {
        name: json.loads(json.dumps(role(*actions)))
        for name, actions in {
            "Allowed": ("sns:Publish", "sqs:SendMessage"),
            "Other": ("sns:Subscribe", "sqs:ReceiveMessage"),
        }.items()
    }
    for declared in roles.values():
        (trust,) = declared["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        trust["Principal"] = {"AWS": "*"}
    stack = deploy(
        {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Queue": {"Type": "AWS::SQS::Queue"},
            **roles,
        },
        Topic=ref("Topic"),
        Queue=ref("Queue"),
        **{name: {"Fn::GetAtt": [name, "Arn"]} for name in roles},
    )

    def publish_and_send(name: str) -> None:
        sns, sqs = (acting(cloud, stack.outputs[name], service) for service in ("sns", "sqs"))
        sns.publish_batch(TopicArn=stack.outputs["Topic"], PublishBatchRequestEntries=ENTRIES)
        message = [{"Id": "1", "MessageBody": "a"}]
        sqs.send_message_batch(QueueUrl=stack.outputs["Queue"], Entries=message)

    publish_and_send("Allowed")
    # A topic without a policy lets its whole account publish.
    with pytest.raises(ClientError, match="not authorized to perform: sqs:SendMessage because"):
        publish_and_send("Other")
