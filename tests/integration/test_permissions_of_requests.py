"""Requests, routes and logs of the running emulator are allowed, denied and recorded."""

import inspect
import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from ministack.core import iam_evaluator
from ministack.services import apigateway, lambda_svc, stepfunctions

from emulator.cloud import Cloud, UsedPermission
from tests.integration.emulated_account import INVOKE, SEND
from tests.support.small_stacks import (
    Deploy,
    Template,
    acting,
    client,
    function,
    get,
    lines,
    ref,
    role,
)


def test_request_from_outside_is_recorded_and_its_denial_is_logged(
    cloud: Cloud, deploy: Deploy
) -> None:
    sender: Any = role(SEND)
    (trust,) = sender["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    trust["Principal"] = {"AWS": "*"}
    stack = deploy(
        {"Sender": sender, "Queue": {"Type": "AWS::SQS::Queue"}},
        Role=get("Sender"),
        Url=ref("Queue"),
        Queue=get("Queue"),
    )
    outputs = stack.outputs
    keys = client(cloud, "sts").assume_role(RoleArn=outputs["Role"], RoleSessionName="sender")
    queue = boto3.client(
        "sqs",
        endpoint_url=cloud.endpoint,
        verify=str(cloud.certificate),
        region_name=cloud.region,
        aws_access_key_id=keys["Credentials"]["AccessKeyId"],
        aws_secret_access_key=keys["Credentials"]["SecretAccessKey"],
        aws_session_token=keys["Credentials"]["SessionToken"],
    )
    queue.send_message(QueueUrl=outputs["Url"], MessageBody="hello")
    assert UsedPermission(outputs["Role"], SEND, outputs["Queue"], "") in cloud.used_permissions()

    with pytest.raises(ClientError, match="AccessDenied"):
        queue.purge_queue(QueueUrl=outputs["Url"])
    denied = f"not authorized to perform: sqs:PurgeQueue on resource: {outputs['Queue']}"
    (line,) = [line for line in cloud.log.read_text().splitlines() if denied in line]
    assert outputs["Role"].rpartition("/")[2] in line


def test_object_is_written_only_if_it_is_new(cloud: Cloud, deploy: Deploy) -> None:
    writer: Any = role("s3:PutObject")
    statement = writer["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]
    statement["Condition"] = {"Null": {"s3:if-none-match": "false"}}
    writer["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {"AWS": "*"}
    bucket: Template = {"Type": "AWS::S3::Bucket"}
    outputs = deploy(
        {"Writer": writer, "Bucket": bucket}, Role=get("Writer"), Bucket=ref("Bucket")
    ).outputs
    s3 = acting(cloud, outputs["Role"], "s3")
    invoice = {"Bucket": outputs["Bucket"], "Key": "invoice"}

    s3.put_object(**invoice, Body=b"first", IfNoneMatch="*")
    for refused, header in (("AccessDenied", {}), ("PreconditionFailed", {"IfNoneMatch": "*"})):
        with pytest.raises(ClientError, match=refused):
            s3.put_object(**invoice, Body=b"second", **header)

    assert client(cloud, "s3").get_object(**invoice)["Body"].read() == b"first"


# Where the emulator does not ask


def api(*, permission: bool) -> dict[str, Template]:
    integration = {
        "ApiId": ref("Api"),
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": get("Logs"),
        "PayloadFormatVersion": "2.0",
    }
    route = {
        "ApiId": ref("Api"),
        "RouteKey": "GET /orders/{id}",
        "Target": {"Fn::Sub": "integrations/${Integration}"},
    }
    source = "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/GET/orders/{id}"
    allowed = {
        "FunctionName": get("Logs"),
        "Action": INVOKE,
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": source},
    }
    stage = {"ApiId": ref("Api"), "StageName": "$default", "AutoDeploy": True}
    resources: dict[str, Template] = {
        "Role": role(),
        "Logs": function("logs"),
        "Api": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {"Name": "probe", "ProtocolType": "HTTP"},
        },
        "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": stage},
        "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": integration},
        "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": route},
    }
    if permission:
        resources["Permission"] = {"Type": "AWS::Lambda::Permission", "Properties": allowed}
    return resources


@pytest.mark.parametrize("permission", [True, False])
def test_route_fails_if_its_function_does_not_allow_the_api(
    cloud: Cloud, deploy: Deploy, permission: bool
) -> None:
    stack = deploy(
        api(permission=permission), Endpoint=get("Api", "ApiEndpoint"), Function=get("Logs")
    )
    answer = get_order(cloud, stack.outputs["Endpoint"])
    if permission:
        assert answer["path"] == "/orders/7"
    else:
        assert answer == {"message": "Internal Server Error"}
    denied = f"apigateway.amazonaws.com is not authorized to perform: {INVOKE} on resource: "
    assert (denied + stack.outputs["Function"] in cloud.log.read_text()) is not permission


def get_order(cloud: Cloud, endpoint: str) -> dict[str, Any]:
    trust = ssl.create_default_context(cafile=str(cloud.certificate))
    try:
        answer = urllib.request.urlopen(f"{endpoint}/orders/7", context=trust)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return dict(json.load(answer))


def test_function_writes_logs_only_if_its_role_allows_it(cloud: Cloud, deploy: Deploy) -> None:
    group = {"LoggingConfig": {"LogGroup": ref("Group")}}
    powerless: Any = role(service="lambda")
    powerless["Properties"]["Policies"] = []
    stack = deploy(
        {
            "Role": role(),
            "Powerless": powerless,
            "Group": {"Type": "AWS::Logs::LogGroup"},
            "Silenced": function("logs", Role=get("Powerless"), **group),
            "Logs": function("logs", **group),
        },
        Silenced=ref("Silenced"),
        Logs=ref("Logs"),
        Group=ref("Group"),
        Role=get("Powerless"),
    )
    outputs, functions = stack.outputs, client(cloud, "lambda")
    assert functions.invoke(FunctionName=outputs["Silenced"])["StatusCode"] == 200
    functions.invoke(FunctionName=outputs["Logs"])
    written = lines(cloud, outputs["Group"], "START")
    assert len([line for line in written if line.startswith("START")]) == 1
    denied = f"{outputs['Role']} is not authorized to perform: logs:CreateLogStream"
    assert denied in cloud.log.read_text()


# The emulator, as this patch knows it


@pytest.mark.parametrize(
    ("seam", "parameters"),
    [
        (iam_evaluator.enforce, "access_key_id iam_action service region resource_arn"),
        (iam_evaluator.evaluate, "ctx policies limits"),
        (iam_evaluator.combine_resource_policy, "identity ctx policy owner_account required"),
        (iam_evaluator._resource_policy, "service resource_arn"),
        (iam_evaluator._resolve_managed_policy_document, "policy_arn account_id"),
        (
            apigateway._invoke_lambda_proxy,
            "integration api_id stage path method headers body query_params route_key path_params",
        ),
        (lambda_svc._emit_lambda_logs, "func request_id"),
    ],
)
def test_patched_function_of_ministack_is_where_it_is_expected(seam: Any, parameters: str) -> None:
    found = list(inspect.signature(seam).parameters)
    assert found[: len(parameters.split())] == parameters.split(), (
        "MiniStack changed it: adapt emulator/patches/permissions.py"
    )


@pytest.mark.parametrize(
    "seam",
    [
        apigateway._invoke_lambda_proxy,
        lambda_svc._emit_lambda_logs,
        stepfunctions._invoke_resource,
    ],
)
def test_ministack_alone_still_asks_no_permission(seam: Any) -> None:
    assert "iam_evaluator" not in inspect.getsource(seam), (
        "MiniStack asks for permission here now: emulator/patches need not"
    )
