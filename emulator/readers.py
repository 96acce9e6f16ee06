"""Readers of the local cloud's resources: they return them with the properties of a template.

A reader calls a service's API once or twice, and converts the answer.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

Properties = Mapping[str, Any]
Query = Callable[..., Any]
"""`query(service, operation, **arguments)` returns the service's answer, all pages of it."""
Read = Callable[[Query, str, Properties], Properties]
"""`read(query, physical id, expected properties)` returns what the service has, in the template's
words. The expected properties are those of the template.
"""


def call(
    service: str, operation: str, *, by: str = "", of: str = "", inside: str = "", **renamed: str
) -> Read:
    """Return a reader that makes one call.

    Args:
        service: boto3's name of the service.
        operation: boto3's name of the operation.
        by: the parameter for the physical id; none if it is empty.
        of: the names of template properties to pass as parameters, such as that of the owner.
        inside: the key of the answer that has the properties; the whole answer if it is empty.
        renamed: names in the answer, each with the template's name of that property.
    """

    def read(query: Query, physical_id: str, expected: Properties) -> Properties:
        owner = {name: expected[name] for name in of.split() if name in expected}
        # The physical id of an owned resource may be <owner>/<resource>.
        own = {by: physical_id.rpartition("/")[2] if of else physical_id} if by else {}
        answer = query(service, operation, **owner, **own)
        found = answer[inside] if inside else answer
        return owner | {renamed.get(name, name): value for name, value in found.items()}

    return read


def listed(service: str, operation: str, *, by: str, inside: str) -> Read:
    """Return a reader that finds the resource, by its physical id, in a list of all."""
    return lambda query, physical_id, _: find_one(
        query(service, operation)[inside], by, physical_id
    )


def find_one(items: Iterable[Properties], key: str, value: Any) -> Properties:
    """Return the item whose ``key`` has that value; raise LookupError if there is none."""
    for item in items:
        if item[key] == value:
            return item
    raise LookupError(f"there is no {key} {value}")


def agreed(answers: Iterable[Any]) -> Any:
    """Return the one value that all answers have; if they differ, return the list of them."""
    several = list(answers)
    return several[0] if several and all(each == several[0] for each in several) else several


def read_queue(query: Query, url: str, _expected: Properties) -> Properties:
    """Read a queue: its attributes, and its name from its URL."""
    answer = query("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
    return {**answer["Attributes"], "QueueName": url.rpartition("/")[2]}


def read_topic(query: Query, arn: str, _expected: Properties) -> Properties:
    """Read a topic: its attributes, and its name from its ARN."""
    answer = query("sns", "get_topic_attributes", TopicArn=arn)
    return {**answer["Attributes"], "TopicName": arn.rpartition(":")[2]}


def read_key(query: Query, id: str, _expected: Properties) -> Properties:
    """Read a key of KMS: its metadata, its policy, and whether it is rotated."""
    return {
        **query("kms", "describe_key", KeyId=id)["KeyMetadata"],
        "KeyPolicy": query("kms", "get_key_policy", KeyId=id, PolicyName="default")["Policy"],
        "EnableKeyRotation": query("kms", "get_key_rotation_status", KeyId=id)[
            "KeyRotationEnabled"
        ],
    }


def common_policy(of: str, read: Read) -> Read:
    """Return a reader of a policy that several queues or topics share."""
    return lambda query, _, expected: {
        "PolicyDocument": agreed(read(query, each, expected)["Policy"] for each in expected[of]),
        of: expected[of],
    }


def read_subscription(query: Query, arn: str, _expected: Properties) -> Properties:
    """Read a subscription: its entry in the list, and its attributes."""
    listed = query("sns", "list_subscriptions")["Subscriptions"]
    answer = query("sns", "get_subscription_attributes", SubscriptionArn=arn)
    return {**find_one(listed, "SubscriptionArn", arn), **answer["Attributes"]}


def read_identity(query: Query, name: str, _expected: Properties) -> Properties:
    """Read an e-mail identity. SES's answer lacks its name, so that is added."""
    return {**query("sesv2", "get_email_identity", EmailIdentity=name), "EmailIdentity": name}


def read_table(query: Query, name: str, _expected: Properties) -> Properties:
    """Read a table with its expiry, backups and encryption, as properties of a global table."""
    table = query("dynamodb", "describe_table", TableName=name)["Table"]
    expiry = query("dynamodb", "describe_time_to_live", TableName=name)["TimeToLiveDescription"]
    backups = query("dynamodb", "describe_continuous_backups", TableName=name)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    encryption = table.get("SSEDescription", {"Status": "DISABLED"})
    enabled = recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    replica = {
        "Region": table["TableArn"].split(":")[3],
        "DeletionProtectionEnabled": table["DeletionProtectionEnabled"],
        "GlobalSecondaryIndexes": table.get("GlobalSecondaryIndexes", []),
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": enabled},
    }
    return {
        **table,
        **table.get("BillingModeSummary", {"BillingMode": "PROVISIONED"}),
        "Replicas": [replica],
        "SSESpecification": {**encryption, "SSEEnabled": encryption["Status"] == "ENABLED"},
        "TimeToLiveSpecification": {**expiry, "Enabled": expiry["TimeToLiveStatus"] == "ENABLED"},
    }


def read_rule(query: Query, name: str, expected: Properties) -> Properties:
    """Read a rule and its targets."""
    bus = expected.get("EventBusName", "default")
    targets = query("events", "list_targets_by_rule", Rule=name, EventBusName=bus)
    return {**targets, **query("events", "describe_rule", Name=name, EventBusName=bus)}


def _roles(query: Query) -> Iterable[Any]:
    answer = query("iam", "get_account_authorization_details", Filter=["Role"])
    return list(answer["RoleDetailList"])


def read_role(query: Query, name: str, _expected: Properties) -> Properties:
    """Read a role with its managed and its inline policies."""
    role = find_one(_roles(query), "RoleName", name)
    managed = [policy["PolicyArn"] for policy in role["AttachedManagedPolicies"]]
    return {**role, "ManagedPolicyArns": managed, "Policies": role["RolePolicyList"]}


def read_inline_policy(query: Query, _id: str, expected: Properties) -> Properties:
    """Read an inline policy that several roles share."""
    name, roles = expected["PolicyName"], expected["Roles"]
    held = {
        role["RoleName"]: policy["PolicyDocument"]
        for role in _roles(query)
        for policy in role["RolePolicyList"]
        if role["RoleName"] in roles and policy["PolicyName"] == name
    }
    return {"PolicyDocument": agreed(held.values()), "PolicyName": name, "Roles": list(held)}


def read_stream(query: Query, name: str, _expected: Properties) -> Properties:
    """Read a stream's summary."""
    stream = query("kinesis", "describe_stream_summary", StreamName=name)[
        "StreamDescriptionSummary"
    ]
    own = {"Name": name, "ShardCount": stream["OpenShardCount"], "StreamEncryption": stream}
    return {**stream, **own}


def read_client(query: Query, client_id: str, expected: Properties) -> Properties:
    """Read a client of a user pool. GenerateSecret is true if the client has a secret."""
    answer = query(
        "cognito-idp",
        "describe_user_pool_client",
        UserPoolId=expected["UserPoolId"],
        ClientId=client_id,
    )["UserPoolClient"]
    return {**answer, "GenerateSecret": "ClientSecret" in answer}


def _code(query: Query, expected: Properties, digest: str) -> Properties:
    """Return ``expected`` if the object it names has this digest; otherwise the digest."""
    bundle = query("s3", "get_object", Bucket=expected["S3Bucket"], Key=expected["S3Key"])["Body"]
    right = b64encode(sha256(bundle).digest()).decode() == digest
    return expected if right else {"CodeSha256": digest}


def read_function(query: Query, name: str, expected: Properties) -> Properties:
    """Read a function with its code, its layers and its reserved concurrency."""
    answer = query("lambda", "get_function", FunctionName=name)
    configuration = answer["Configuration"]
    return {
        **configuration,
        **answer.get("Concurrency", {}),
        "Code": _code(query, expected["Code"], configuration["CodeSha256"]),
        "Layers": [layer["Arn"] for layer in configuration["Layers"]],
    }


def read_layer(query: Query, arn: str, expected: Properties) -> Properties:
    """Read a version of a layer, with its content."""
    answer = query("lambda", "get_layer_version_by_arn", Arn=arn)
    return {**answer, "Content": _code(query, expected["Content"], answer["Content"]["CodeSha256"])}


def read_mapping(query: Query, uuid: str, _expected: Properties) -> Properties:
    """Read an event source mapping with the name of its function."""
    answer = query("lambda", "get_event_source_mapping", UUID=uuid)
    return {**answer, "FunctionName": answer["FunctionArn"].rpartition(":")[2]}


def read_permission(query: Query, sid: str, expected: Properties) -> Properties:
    """Read one statement of a function's policy, as a permission of the template."""
    policy = query("lambda", "get_policy", FunctionName=expected["FunctionName"])["Policy"]
    statement = find_one(json.loads(policy)["Statement"], "Sid", sid)
    conditions = statement.get("Condition", {})
    return {
        "Action": statement["Action"],
        "FunctionName": expected["FunctionName"],
        "Principal": statement["Principal"]["Service"],
        "SourceAccount": conditions.get("StringEquals", {}).get("AWS:SourceAccount"),
        "SourceArn": conditions.get("ArnLike", {}).get("AWS:SourceArn"),
    }


def read_bucket(query: Query, name: str, expected: Properties) -> Properties:
    """Read a bucket: the settings that the template has."""

    def get(operation: str, *, when: str) -> Any:
        # For a setting that a bucket does not have, S3 returns an error.
        return query("s3", f"get_{operation}", Bucket=name) if when in expected else {}

    encryption = get("bucket_encryption", when="BucketEncryption")
    lifecycle = get("bucket_lifecycle_configuration", when="LifecycleConfiguration")
    lock = get("object_lock_configuration", when="ObjectLockConfiguration")
    return {
        **lock,
        "ObjectLockEnabled": "ObjectLockConfiguration" in lock,
        **get("public_access_block", when="PublicAccessBlockConfiguration"),
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    **rule,
                    "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
                }
                for rule in encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
            ]
        },
        "BucketName": name,
        "LifecycleConfiguration": {
            "Rules": [
                {
                    **rule,
                    "ExpirationInDays": rule.get("Expiration", {}).get("Days"),
                    "Prefix": rule["Filter"].get("Prefix"),
                }
                for rule in lifecycle.get("Rules", [])
            ]
        },
        "VersioningConfiguration": get("bucket_versioning", when="VersioningConfiguration"),
    }


def read_instance_profile(query: Query, arn: str, _expected: Properties) -> Properties:
    """Read an instance profile: the names of its roles."""
    profile = find_one(query("iam", "list_instance_profiles")["InstanceProfiles"], "Arn", arn)
    return {"Roles": [role["RoleName"] for role in profile["Roles"]]}
