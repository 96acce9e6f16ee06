"""The statements of a cloud's policies: those of roles and those of resources."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from emulator.cloud import Cloud
from tests.support.small_stacks import client

Statements = Iterator[dict[str, Any]]


def of_role(cloud: Cloud, name: str) -> Statements:
    iam = client(cloud, "iam")
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    documents = [
        iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        policy = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=policy, VersionId=version)
        documents.append(found["PolicyVersion"]["Document"])
    for document in documents:
        for statement in statements(document):
            yield {**statement, "Principal": {"AWS": arn}}


def of_queue(cloud: Cloud, url: str) -> Statements:
    found = client(cloud, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    yield from statements(found.get("Attributes", {}).get("Policy", "{}"))


def of_topic(cloud: Cloud, arn: str) -> Statements:
    found = client(cloud, "sns").get_topic_attributes(TopicArn=arn)
    yield from statements(found["Attributes"]["Policy"])


def of_bucket(cloud: Cloud, name: str) -> Statements:
    s3 = client(cloud, "s3")
    try:
        policy = s3.get_bucket_policy(Bucket=name)["Policy"]
    except s3.exceptions.from_code("NoSuchBucketPolicy"):
        return
    yield from statements(policy)


def of_key(cloud: Cloud, key: str) -> Statements:
    yield from statements(client(cloud, "kms").get_key_policy(KeyId=key)["Policy"])


def of_function(cloud: Cloud, name: str) -> Statements:
    functions = client(cloud, "lambda")
    try:
        policy = functions.get_policy(FunctionName=name)["Policy"]
    except functions.exceptions.ResourceNotFoundException:
        return
    yield from statements(policy)


def of_logs(cloud: Cloud, name: str) -> Statements:
    for policy in client(cloud, "logs").describe_resource_policies()["resourcePolicies"]:
        if policy["policyName"] == name:
            yield from statements(policy["policyDocument"])


POLICIES: dict[str, Callable[[Cloud, str], Statements]] = {
    "AWS::IAM::Role": of_role,
    "AWS::SQS::Queue": of_queue,
    "AWS::SNS::Topic": of_topic,
    "AWS::S3::Bucket": of_bucket,
    "AWS::KMS::Key": of_key,
    "AWS::Lambda::Function": of_function,
    "AWS::Logs::ResourcePolicy": of_logs,
}


def statements(document: Any) -> Statements:
    if isinstance(document, str):
        document = json.loads(document)
    yield from listed(document.get("Statement", []))


def principals(principal: Any) -> list[str]:
    if isinstance(principal, str):
        return [principal]
    return [name for names in principal.values() for name in listed(names)]


def sources(statement: Mapping[str, Any]) -> list[str]:
    """The resources that a condition names for which a service may act."""
    named = [
        source
        for keys in statement.get("Condition", {}).values()
        for key, values in keys.items()
        if key.lower() == "aws:sourcearn"
        for source in listed(values)
    ]
    return named or ["*"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def like(text: str, pattern: str) -> bool:
    """Whether an IAM pattern, in which only * and ? are special, matches the whole text."""
    wild = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wild, text) is not None
