"""Nobody but the user who started the local cloud has a say in it."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import urllib3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator.cloud import Cloud, running
from emulator.gateway import KEY_HEADER
from emulator.patches._mapping_poller import matching_ids


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running() as started:
        yield started


def client(cloud: Cloud, service: str, key: str | None) -> Any:
    """Return a client with an access key; without one, of requests that are not signed."""
    create: Any = boto3.client
    return create(
        service,
        region_name=cloud.region,
        endpoint_url=cloud.endpoint,
        verify=str(cloud.certificate),
        aws_access_key_id=key or "none",
        aws_secret_access_key=key or "none",
        config=Config() if key else Config(signature_version=UNSIGNED),
    )


@pytest.mark.parametrize(
    "key", ["test", "000000000000", "123456789012", "AKIAIOSFODNN7EXAMPLE", None]
)
@pytest.mark.parametrize(
    ("service", "operation"),
    [("lambda", "list_functions"), ("s3", "list_buckets"), ("sqs", "list_queues")],
)
def test_request_without_the_runs_key_is_refused(
    cloud: Cloud, key: str | None, service: str, operation: str
):
    with pytest.raises(ClientError):
        getattr(client(cloud, service, key), operation)()
    getattr(cloud.client(service), operation)()


def test_metadata_service_of_instances_answers_requests_with_the_key(cloud: Cloud):
    http = urllib3.PoolManager(ca_certs=str(cloud.certificate))
    url = f"{cloud.endpoint}/latest/api/token"
    headers = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    key = {KEY_HEADER: cloud.access_key}
    assert http.request("PUT", url, headers=headers).status == 403
    assert http.request("PUT", url, headers={**headers, **key}).status == 200


def test_written_files_are_unreadable_for_other_users(cloud: Cloud):
    readable = {path.name for path in cloud.directory.iterdir() if path.stat().st_mode & 0o044}
    assert readable <= {"cloud.crt"}


@pytest.mark.parametrize(
    "attributes",
    [
        {"reason": {"DataType": "String", "StringValue": "a\x1bb"}},
        {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)},
    ],
)
def test_attributes_that_sqs_refuses_are_refused(cloud: Cloud, attributes: Any):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="attributes")["QueueUrl"]
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attributes)
    entries = [
        {"Id": "bad", "MessageBody": "x", "MessageAttributes": attributes},
        {"Id": "good", "MessageBody": "x"},
    ]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [each["Id"] for each in answer["Failed"]] == ["bad"]
    assert [each["Id"] for each in answer["Successful"]] == ["good"]


@pytest.mark.parametrize("admins_only", [True, False])
def test_sign_up_follows_the_pools_setting(cloud: Cloud, admins_only: bool):
    cognito = cloud.client("cognito-idp")
    pool = cognito.create_user_pool(
        PoolName="p", AdminCreateUserConfig={"AllowAdminCreateUserOnly": admins_only}
    )["UserPool"]["Id"]
    app = cognito.create_user_pool_client(UserPoolId=pool, ClientName="c")["UserPoolClient"]
    eve = {"ClientId": app["ClientId"], "Username": "eve", "Password": "Aa1!aaaaaaaa"}
    if admins_only:
        with pytest.raises(ClientError, match="SignUp is not permitted for this user pool"):
            cognito.sign_up(**eve)
    else:
        cognito.sign_up(**eve)


def test_too_deeply_nested_record_is_filtered_out_alone():
    mapping = {"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"kind": ["good"]}}'}]}}
    deep = {"body": "[" * 100_000 + "]" * 100_000}
    records = [{"body": '{"kind": "good"}'}, deep, {"body": '{"kind": "good"}'}, {"body": "no"}]
    kept = matching_ids(mapping, records)
    assert kept == {id(records[0]), id(records[2])}
