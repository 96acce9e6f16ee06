"""Words for the smallest stack that shows a behaviour, and for looking at it from outside."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from emulator.cloud import Cloud
from emulator.polling import poll
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

Template = Mapping[str, Any]
Deploy = Callable[..., "Stack"]
IAM = ["CAPABILITY_IAM"]

FUNCTIONS = """
import json, logging, os, urllib.request

class OutOfStock(Exception):
    pass

count = 0

def fails(event, context):
    global count
    count += 1
    raise OutOfStock(f"attempt {count}")

def ends(event, context):
    os._exit(1)

def logs(event, context):
    logging.getLogger("shop").info("order %s", 7)
    return {"statusCode": 200, "body": json.dumps(event.get("requestContext", {}).get("http"))}

def answers(event, context):
    answer = {"Status": "SUCCESS", "PhysicalResourceId": "probe", "Data": {"Answer": "42"},
              **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}}
    urllib.request.urlopen(urllib.request.Request(
        event["ResponseURL"], method="PUT", data=json.dumps(answer).encode()))
"""


@dataclass(frozen=True, slots=True)
class Stack:
    name: str
    outputs: Mapping[str, str]


@functools.cache
def client(cloud: Cloud, service: str) -> Any:
    return cloud.client(service)


def get(logical_id: str, attribute: str = "Arn") -> Any:
    return {"Fn::GetAtt": [logical_id, attribute]}


def ref(logical_id: str) -> Any:
    return {"Ref": logical_id}


LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")


def role(*actions: str, service: str = "lambda") -> Template:
    """A role for the service with these rights on everything; a function's may write logs, too."""
    if service == "lambda":
        actions += LOGS
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = {"PolicyName": "p", "PolicyDocument": {"Statement": [statement]}}
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [policy] if actions else [],
        },
    }


@contextmanager
def allowed(cloud: Cloud, role_arn: str, action: str) -> Iterator[None]:
    """A role may do one thing more for a while."""
    iam, named = client(cloud, "iam"), {"RoleName": role_arn.rpartition("/")[2]}
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(**named, PolicyName="more", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(**named, PolicyName="more")


def function(handler: str, **properties: Any) -> Template:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.13",
            "Handler": f"index.{handler}",
            "Code": {"ZipFile": FUNCTIONS},
            "Role": get("Role"),
            "Timeout": TIMEOUT_SECONDS,
            **properties,
        },
    }


def written(cloud: Cloud, group: str) -> list[str]:
    """The messages of a log group so far."""
    found = client(cloud, "logs").filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in found]


def lines(cloud: Cloud, group: str, expected: str) -> list[str]:
    """The messages of a log group, as soon as one of them contains the expected text."""
    poll(
        lambda: any(expected in message for message in written(cloud, group)),
        seconds=TIMEOUT_SECONDS,
    )
    return written(cloud, group)


def outcome(cloud: Cloud, machine: str, document: Any = None) -> Mapping[str, Any]:
    """Run a state machine to its end."""
    states = client(cloud, "stepfunctions")
    started = states.start_execution(stateMachineArn=machine, input=json.dumps(document or {}))

    def run() -> dict[str, Any]:
        return dict(states.describe_execution(executionArn=started["executionArn"]))

    wait_until(
        "the execution does not end",
        lambda: run()["status"] != "RUNNING",
        seconds=TIMEOUT_SECONDS,
    )
    return run()


def machine(states: Template, **properties: Any) -> dict[str, Template]:
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    return {
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"RoleArn": get("Role"), "Definition": definition, **properties},
        },
    }


def acting(cloud: Cloud, role_arn: str, service: str) -> Any:
    """A client of somebody who has assumed that role."""
    keys = client(cloud, "sts").assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=cloud.endpoint,
        verify=str(cloud.certificate),
        region_name=cloud.region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
