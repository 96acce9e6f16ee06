"""What is deployed is read back, and what the local cloud would ignore is not deployed."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from emulator import deploy as deployment
from emulator import readback
from emulator.cloud import Cloud, CloudError
from emulator.template_check import Template, find_differences, verify_deployment
from tests.support.small_stacks import FUNCTIONS, Deploy, client, function, get, ref, role
from tests.support.template_differences import held_after_all

QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 3}}


@pytest.fixture
def code(cloud: Cloud) -> Mapping[str, str]:
    """A bundle of functions, where templates can name it."""
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("index.py", FUNCTIONS)
    client(cloud, "s3").create_bucket(
        Bucket="code", CreateBucketConfiguration={"LocationConstraint": cloud.region}
    )
    client(cloud, "s3").put_object(Bucket="code", Key="functions.zip", Body=bundle.getvalue())
    return {"S3Bucket": "code", "S3Key": "functions.zip"}


def test_difference_is_one_line(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy({"Queue": QUEUE}, Queue=ref("Queue"))
    template = {stack.name: {"Resources": {"Queue": QUEUE}}}
    verify_deployment(cloud, template)
    queues, url = client(cloud, "sqs"), stack.outputs["Queue"]
    queues.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "5"})
    with pytest.raises(CloudError) as changed:
        verify_deployment(cloud, template)
    assert str(changed.value) == (
        f'{stack.name}: Queue (AWS::SQS::Queue): DelaySeconds: is "5", not 3'
    )
    queues.delete_queue(QueueUrl=url)
    with pytest.raises(
        CloudError, match=r"Queue \(AWS::SQS::Queue\): cannot be read back: .*exist"
    ):
        verify_deployment(cloud, template)


def test_two_resources_of_one_name_are_found(cloud: Cloud, deploy: Deploy) -> None:
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "twice"}}
    resources = {"One": group, "Other": group}
    stack = deploy(resources)
    with pytest.raises(CloudError, match=r"Other .*has the same name as .* One "):
        verify_deployment(cloud, {stack.name: {"Resources": resources}})


def test_unsupported_property_that_is_there_after_all_is_found(
    cloud: Cloud, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = deploy({"Queue": QUEUE})
    monkeypatch.setitem(
        readback.UNSUPPORTED, "AWS::SQS::Queue.DelaySeconds", "queues know no delay"
    )
    found = list(find_differences(cloud, {stack.name: {"Resources": {"Queue": QUEUE}}}))
    assert "AWS::SQS::Queue.DelaySeconds" in held_after_all(found)


def test_properties_of_further_services_are_read_back(
    cloud: Cloud, deploy: Deploy, code: Mapping[str, str]
) -> None:
    def of(kind: str, **properties: Any) -> Template:
        return {"Type": f"AWS::{kind}", "Properties": properties}

    fifo = {"FifoQueue": True, "ContentBasedDeduplication": True}
    fast = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    redrive = {"deadLetterTargetArn": get("Dead"), "maxReceiveCount": 3}
    by_queue = {"redrivePermission": "byQueue", "sourceQueueArns": ["arn:aws:sqs:::any"]}
    key = {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        "SSESpecification": {"SSEEnabled": True},
    }
    recovery = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    replica = {"Region": cloud.region, **recovery, "DeletionProtectionEnabled": True}
    images = {"StreamSpecification": {"StreamViewType": "NEW_IMAGE"}}
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    invoices = {"Id": "old", "Status": "Enabled", "Prefix": "invoices/", "ExpirationInDays": 30}
    versions = {"NoncurrentVersionExpiration": {"NoncurrentDays": 7}, "Status": "Enabled"}
    closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": get("Bucket")}
    logs = {"LogFormat": "JSON", "LogGroup": ref("Group")}
    resources = {
        "Topic": of(
            "SNS::Topic",
            TopicName="stock.fifo",
            FifoTopic=True,
            ContentBasedDeduplication=True,
            FifoThroughputScope="MessageGroup",
            KmsMasterKeyId="alias/aws/sns",
        ),
        "Key": of(
            "KMS::Key",
            Description="ours",
            EnableKeyRotation=True,
            KeyPolicy={"Statement": [deny]},
        ),
        "Dead": of(
            "SQS::Queue", **fifo, RedriveAllowPolicy=by_queue, KmsMasterKeyId="alias/aws/sqs"
        ),
        "Queue": of("SQS::Queue", **fifo, **fast, RedrivePolicy=redrive, VisibilityTimeout=90),
        "Subscription": of(
            "SNS::Subscription",
            TopicArn=ref("Topic"),
            Protocol="sqs",
            Endpoint=get("Queue"),
            RawMessageDelivery=True,
            FilterPolicy={"sku": ["21511A"]},
            FilterPolicyScope="MessageBody",
            RedrivePolicy={"deadLetterTargetArn": get("Dead")},
        ),
        "Stream": of(
            "Kinesis::Stream",
            ShardCount=2,
            RetentionPeriodHours=48,
            StreamEncryption={"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
            StreamModeDetails={"StreamMode": "PROVISIONED"},
        ),
        "Bucket": of(
            "S3::Bucket",
            BucketEncryption={"ServerSideEncryptionConfiguration": [encryption]},
            LifecycleConfiguration={"Rules": [invoices, versions]},
            PublicAccessBlockConfiguration=dict.fromkeys(closed, True),
            VersioningConfiguration={"Status": "Enabled"},
        ),
        "Closed": of(
            "S3::BucketPolicy", Bucket=ref("Bucket"), PolicyDocument={"Statement": [deny]}
        ),
        "Table": of("DynamoDB::GlobalTable", **key, **images, Replicas=[replica]),
        "Role": role("sqs:SendMessage"),
        "Group": of("Logs::LogGroup"),
        "Logs": function(
            "logs",
            Code=code,
            DeadLetterConfig={"TargetArn": get("Dead")},
            LoggingConfig=logs,
            ReservedConcurrentExecutions=7,
        ),
    }
    stack = deploy(resources, Stream=get("Table", "StreamArn"), Table=ref("Table"))
    assert [
        str(each) for each in find_differences(cloud, {stack.name: {"Resources": resources}})
    ] == []
    table = client(cloud, "dynamodb").describe_table(TableName=stack.outputs["Table"])["Table"]
    assert table["LatestStreamArn"] == stack.outputs["Stream"]


# Refusing


@pytest.mark.parametrize(
    ("resource", "cause"),
    [
        ({"Type": "AWS::Events::Connection"}, "the local cloud does not know this type"),
        (
            {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 3, "Colour": "red"}},
            "the local cloud does not know Colour",
        ),
        (
            {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": ref("Nothing")}},
            "it refers to Nothing, which does not exist",
        ),
    ],
)
def test_unsupported_resource_is_not_deployed(
    cloud: Cloud, tmp_path: Path, resource: Template, cause: str
) -> None:
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{cloud.account}/{cloud.region}",
        "properties": {"templateFile": "Refused.template.json"},
    }
    manifest = {"version": "48.0.0", "artifacts": {"Refused": stack}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    template = json.dumps({"Resources": {"Fine": QUEUE, "Odd": resource}})
    (tmp_path / "Refused.template.json").write_text(template)
    with pytest.raises(CloudError) as refused:
        deployment.deploy(cloud, assembly=tmp_path, progress=lambda _: None)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"Refused: Odd ({resource['Type']}): {cause}")
    stacks = client(cloud, "cloudformation").list_stacks()["StackSummaries"]
    assert "Refused" not in {each["StackName"] for each in stacks}
