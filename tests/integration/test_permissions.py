"""A service acts only if it may, a denial names who may not do what, and every use is on record."""

import inspect
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from ministack.core import iam_evaluator
from ministack.core.responses import request_scope
from ministack.services import (
    apigateway,
    cloudwatch_logs,
    iam,
    kms,
    lambda_svc,
    sns,
    sqs,
    stepfunctions,
)

from emulator.cloud import Cloud, UsedPermission
from emulator.patches import permissions
from emulator.patches._permission_record import record_in
from emulator.patches.permissions import AccessDenied, Principal, Role, Service, check
from tests.support.small_stacks import Deploy, Template, client, function, get, lines, ref, role

ACCOUNT, REGION = "000000000000", "eu-west-1"
PLACE = f"{REGION}:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
RULE = f"arn:aws:events:{PLACE}:rule/orders/start"
QUEUE, TOPIC = f"arn:aws:sqs:{PLACE}:work", f"arn:aws:sns:{PLACE}:stock"
FUNCTION = f"arn:aws:lambda:{PLACE}:function:work"
GROUP = f"arn:aws:logs:{PLACE}:log-group:/events"
STREAM = f"{GROUP}:log-stream:events"

WORKER = Role(arn=ROLE)
EVENTS = Service(name="events.amazonaws.com", source_arn=RULE)


def policy(*actions: str, effect: str = "Allow", **rest: Any) -> str:
    statement = {"Effect": effect, "Action": list(actions), "Resource": "*", **rest}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def by(principal: Principal, *actions: str, effect: str = "Allow") -> str:
    """A resource's policy about this principal, and about no other."""
    if isinstance(principal, Role):
        return policy(*actions, effect=effect, Principal={"AWS": principal.arn})
    only = {"ArnEquals": {"aws:SourceArn": principal.source_arn}}
    return policy(*actions, effect=effect, Principal={"Service": principal.name}, Condition=only)


class Account:
    """The emulator's resources in this process, which no server serves."""

    def worker(self, *actions: str, boundary: str = "", trusts: str = "") -> None:
        iam._roles["worker"] = {
            "Arn": ROLE,
            "InlinePolicies": {"p": policy(*actions)} if actions else {},
            "AttachedPolicies": [],
            "PermissionsBoundary": boundary,
            "AssumeRolePolicyDocument": policy("sts:AssumeRole", Principal={"Service": trusts}),
        }

    def queue(self, policy: str = "", key: str = "") -> None:
        attributes = {"Policy": policy, "KmsMasterKeyId": key}
        given = {name: value for name, value in attributes.items() if value}
        sqs._act_create_queue({"QueueName": "work", "Attributes": given}, "")

    def topic(self, policy: str) -> None:
        sns._topics[TOPIC] = {"attributes": {"Policy": policy, "TopicArn": TOPIC}}

    def function(self, policy: str) -> None:
        lambda_svc._functions["work"] = {"policy": json.loads(policy)}

    def logs(self, policy: str, name: str = "p") -> None:
        cloudwatch_logs._put_resource_policy({"policyName": name, "policyDocument": policy})

    def key(self, policy: str) -> str:
        _, _, answer = kms._create_key({"Policy": policy})
        return str(json.loads(answer)["KeyMetadata"]["Arn"])


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    services = (iam, sqs, sns, lambda_svc, cloudwatch_logs, kms)
    record_in(tmp_path / "record")
    with request_scope(ACCOUNT, REGION):
        yield Account()
        for service in services:
            service.reset()


def used(tmp_path: Path) -> list[UsedPermission]:
    record = tmp_path / "record"
    written = record.read_text().splitlines() if record.exists() else []
    return [UsedPermission(*json.loads(line)) for line in written]


# Who may


SEND, PUBLISH, INVOKE = "sqs:SendMessage", "sns:Publish", "lambda:InvokeFunction"
WRITE = "logs:PutLogEvents"
OTHER = Service(name="events.amazonaws.com", source_arn=f"{RULE}-other")
SNS = Service(name="sns.amazonaws.com", source_arn=RULE)


def test_role_is_allowed_by_its_policy(account: Account) -> None:
    account.queue()
    account.worker(SEND)
    check(WORKER, SEND, QUEUE)
    denial = f"{ROLE} is not authorized to perform: sqs:DeleteMessage on resource: {QUEUE}"
    with pytest.raises(AccessDenied, match=denial):
        check(WORKER, "sqs:DeleteMessage", QUEUE)


def test_role_is_allowed_by_the_resources_policy(account: Account) -> None:
    account.worker()
    account.queue(by(WORKER, SEND))
    check(WORKER, SEND, QUEUE)


def test_role_denied_by_the_resource_policy_is_denied(account: Account) -> None:
    account.worker(SEND)
    account.queue(by(WORKER, SEND, effect="Deny"))
    with pytest.raises(AccessDenied):
        check(WORKER, SEND, QUEUE)


def test_action_outside_the_roles_boundary_is_denied(account: Account) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    iam._policies[boundary] = {
        "DefaultVersionId": "v1",
        "Versions": {"v1": {"Document": policy("sqs:*")}},
    }
    account.worker(SEND, PUBLISH, boundary=boundary)
    account.queue()
    check(WORKER, SEND, QUEUE)
    with pytest.raises(AccessDenied, match=PUBLISH):
        check(WORKER, PUBLISH, TOPIC)


def test_service_cannot_act_under_a_role_that_does_not_trust_it(account: Account) -> None:
    account.worker(SEND, trusts="scheduler.amazonaws.com")
    account.queue()
    check(Role(arn=ROLE, service="scheduler.amazonaws.com", source_arn=RULE), SEND, QUEUE)
    with pytest.raises(AccessDenied, match=f"events.amazonaws.com .* sts:AssumeRole on .*{ROLE}"):
        check(Role(arn=ROLE, service="events.amazonaws.com", source_arn=RULE), SEND, QUEUE)


def test_missing_role_is_denied(account: Account) -> None:
    account.queue()
    with pytest.raises(AccessDenied, match="role/worker is not authorized"):
        check(WORKER, SEND, QUEUE)


@pytest.mark.parametrize(
    ("kind", "action", "resource"),
    [
        ("queue", SEND, QUEUE),
        ("topic", PUBLISH, TOPIC),
        ("function", INVOKE, FUNCTION),
        ("logs", WRITE, STREAM),
    ],
)
def test_service_is_allowed_by_the_resources_policy_for_that_source_only(
    account: Account, kind: str, action: str, resource: str
) -> None:
    getattr(account, kind)(by(EVENTS, action))
    check(EVENTS, action, resource)
    for refused in (OTHER, SNS):
        denial = f"{refused.name} is not authorized to perform: {action} on resource: {resource}"
        with pytest.raises(AccessDenied, match=denial):
            check(refused, action, resource)


def test_service_denied_by_one_of_several_policies_is_denied(account: Account) -> None:
    account.logs(by(EVENTS, WRITE), "allows")
    check(EVENTS, WRITE, STREAM)
    account.logs(by(EVENTS, WRITE, effect="Deny"), "denies")
    with pytest.raises(AccessDenied):
        check(EVENTS, WRITE, STREAM)


def test_service_is_denied_without_a_policy(account: Account) -> None:
    account.queue()
    with pytest.raises(AccessDenied, match=SEND):
        check(EVENTS, SEND, QUEUE)


def test_condition_on_further_keys_is_checked(account: Account) -> None:
    allowed = policy(
        SEND,
        Principal={"Service": EVENTS.name},
        Condition={
            "StringEquals": {"aws:SourceAccount": ACCOUNT, "events:source": "shop"},
            "Bool": {"aws:SecureTransport": "true"},
        },
    )
    account.queue(allowed)
    check(EVENTS, SEND, QUEUE, events_source="shop")
    with pytest.raises(AccessDenied):
        check(EVENTS, SEND, QUEUE)


@pytest.mark.parametrize("principal", [EVENTS, WORKER])
@pytest.mark.parametrize("missing", ["kms:Decrypt", "kms:GenerateDataKey"])
def test_encrypted_queue_needs_rights_on_its_customer_managed_key(
    account: Account, principal: Principal, missing: str
) -> None:
    rights = {"kms:Decrypt", "kms:GenerateDataKey"}
    account.worker(SEND, *rights)
    account.queue(by(EVENTS, SEND), account.key(by(principal, *rights)))
    check(principal, SEND, QUEUE)

    key = account.key(by(principal, *(rights - {missing})))
    sqs.reset()
    account.queue(by(EVENTS, SEND), key)
    with pytest.raises(AccessDenied, match=f"{missing} on resource: {key}"):
        check(principal, SEND, QUEUE)


def test_aws_managed_key_denies_services(account: Account) -> None:
    account.worker(SEND)
    account.queue(by(EVENTS, SEND), "alias/aws/sqs")
    check(WORKER, SEND, QUEUE)
    with pytest.raises(AccessDenied, match=r"kms:Decrypt on resource: .*alias/aws/sqs"):
        check(EVENTS, SEND, QUEUE)


def test_changed_policy_takes_effect_at_once(account: Account) -> None:
    account.function(by(EVENTS, INVOKE))
    check(EVENTS, INVOKE, FUNCTION)
    statement = lambda_svc._functions["work"]["policy"]["Statement"].pop()
    with pytest.raises(AccessDenied):
        check(EVENTS, INVOKE, FUNCTION)
    lambda_svc._functions["work"]["policy"]["Statement"].append(statement)
    check(EVENTS, INVOKE, FUNCTION)


# What is on record


def test_used_permission_is_recorded_once_and_denied_one_is_not(
    account: Account, tmp_path: Path
) -> None:
    account.worker("sqs:ReceiveMessage")
    account.queue(by(EVENTS, SEND))
    for _ in range(2):
        check(WORKER, "sqs:ReceiveMessage", QUEUE)
        check(EVENTS, SEND, QUEUE)
    with pytest.raises(AccessDenied):
        check(WORKER, SEND, QUEUE)
    assert used(tmp_path) == [
        UsedPermission(ROLE, "sqs:ReceiveMessage", QUEUE, ""),
        UsedPermission(EVENTS.name, SEND, QUEUE, RULE),
    ]


def test_repeated_denial_is_logged_once(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    account.queue()
    account.worker()
    permissions._warn_once.cache_clear()
    for _ in range(3):
        with pytest.raises(AccessDenied):
            check(WORKER, SEND, QUEUE)
    assert caplog.messages == [f"{ROLE} is not authorized to perform: {SEND} on resource: {QUEUE}"]


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
