"""Words for the smallest stack that shows a behaviour, and for looking at it from outside."""

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.cloud import Cloud

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


def function(handler: str, **properties: Any) -> Template:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.14",
            "Handler": f"index.{handler}",
            "Code": {"ZipFile": FUNCTIONS},
            "Role": get("Role"),
            **properties,
        },
    }


def lines(cloud: Cloud, group: str, expected: str) -> list[str]:
    """The messages of a log group, as soon as one of them contains the expected text."""
    logs = client(cloud, "logs")
    deadline = time.monotonic() + 5
    while True:
        found = logs.filter_log_events(logGroupName=group)["events"]
        messages = [event["message"] for event in found]
        if any(expected in message for message in messages) or time.monotonic() > deadline:
            return messages
        time.sleep(0.05)


def outcome(cloud: Cloud, machine: str, document: Any = None) -> Mapping[str, Any]:
    """Run a state machine to its end."""
    states = client(cloud, "stepfunctions")
    started = states.start_execution(stateMachineArn=machine, input=json.dumps(document or {}))
    deadline = time.monotonic() + 15
    while (run := states.describe_execution(executionArn=started["executionArn"]))[
        "status"
    ] == "RUNNING":
        assert time.monotonic() < deadline, "the execution does not end"
        time.sleep(0.05)
    return dict(run)


def machine(states: Template, **properties: Any) -> dict[str, Template]:
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    return {
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"RoleArn": get("Role"), "Definition": definition, **properties},
        },
    }
