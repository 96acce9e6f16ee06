"""A schedule reaches its target under its own role, or dead-letters what it could not deliver."""

import inspect
import json
from typing import Any

import pytest
from ministack.services import eventbridge, scheduler

from emulator.cloud import Cloud
from emulator.patches import schedules
from tests.support.deliveries import attributes, logged, queue, received
from tests.support.small_stacks import Deploy, Template, function, get, ref, role

PAST = "at(2026-01-01T00:00:00)"
INPUT = json.dumps({"clean": "reservations"})
GONE = {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:gone"}


def schedule(target: Any, **properties: Any) -> Template:
    """A schedule that is due once, now."""
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "Name": {"Ref": "AWS::StackName"},
            "ScheduleExpression": PAST,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": target,
                "RoleArn": get("Role"),
                "Input": INPUT,
                "DeadLetterConfig": {"Arn": get("Dead")},
                **properties,
            },
        },
    }


def test_target_is_invoked_under_the_schedules_role(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Schedule": schedule(get("Queue")),
            "Role": role("sqs:SendMessage", service="scheduler"),
            "Queue": queue(),
            "Dead": queue(),
        },
        Queue=ref("Queue"),
    )
    (message,) = received(cloud, stack.outputs["Queue"])
    assert message["Body"] == INPUT


def test_function_is_invoked_asynchronously(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Schedule": schedule(get("Fails")),
            "Role": role("lambda:InvokeFunction", "sqs:SendMessage", service="scheduler"),
            "Fails": function("fails", DeadLetterConfig={"TargetArn": get("Failed")}),
            "Failed": queue(),
            "Dead": queue(),
        },
        Failed=ref("Failed"),
        Dead=ref("Dead"),
    )
    (failed,) = received(cloud, stack.outputs["Failed"])
    assert failed["Body"] == INPUT
    assert attributes(failed)["ErrorMessage"] == "attempt 3"
    assert received(cloud, stack.outputs["Dead"], 0) == []


def test_payload_for_a_deleted_target_is_dead_lettered(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Schedule": schedule(GONE),
            "Role": role("sqs:SendMessage", service="scheduler"),
            "Dead": queue(),
        },
        Schedule=get("Schedule"),
        Dead=ref("Dead"),
    )
    (dead,) = received(cloud, stack.outputs["Dead"])
    assert dead["Body"] == INPUT
    said = attributes(dead)
    assert said.pop("EXECUTION_ID")
    assert said.pop("SCHEDULED_TIME").endswith("Z")
    arn = f"arn:aws:sqs:{cloud.region}:{cloud.account}:gone"
    assert said == {
        "SCHEDULE_ARN": stack.outputs["Schedule"],
        "TARGET_ARN": arn,
        "ERROR_CODE": "AWS.SimpleQueueService.NonExistentQueue",
        "ERROR_MESSAGE": f"{arn} does not exist",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
    }


def test_schedule_whose_role_lacks_the_right_to_the_target_dead_letters_under_that_role(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = deploy(
        {
            "Schedule": schedule(get("Logs")),
            "Role": role("sqs:SendMessage", service="scheduler"),
            "Logs": function("logs"),
            "Dead": queue(),
        },
        Role=get("Role"),
        Dead=ref("Dead"),
    )
    (dead,) = received(cloud, stack.outputs["Dead"])
    assert attributes(dead)["ERROR_CODE"] == "AccessDeniedException"
    assert logged(cloud, stack.outputs["Role"], "not authorized", "lambda:InvokeFunction")


def test_queue_that_requires_tls_accepts_the_schedulers_messages(
    cloud: Cloud, deploy: Deploy
) -> None:
    only_tls = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"PolicyDocument": {"Version": "2012-10-17", "Statement": [only_tls]}}
    stack = deploy(
        {
            "Schedule": {**schedule(get("Queue")), "DependsOn": "Policy"},
            "Role": role("sqs:SendMessage", service="scheduler"),
            "Queue": queue(),
            "Policy": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {"Queues": [ref("Queue")], **policy},
            },
            "Dead": queue(),
        },
        Queue=ref("Queue"),
    )
    (message,) = received(cloud, stack.outputs["Queue"])
    assert message["Body"] == INPUT


@pytest.mark.parametrize(
    "role_",
    [role(service="scheduler"), role("sqs:SendMessage", service="lambda")],
    ids=["no right", "no trust"],
)
def test_role_without_rights_delivers_nothing_and_is_logged(
    cloud: Cloud, deploy: Deploy, role_: Template
) -> None:
    stack = deploy(
        {"Schedule": schedule(GONE), "Role": role_, "Dead": queue()},
        Role=get("Role"),
        Schedule=get("Schedule"),
        Dead=ref("Dead"),
    )
    assert logged(cloud, "not taken by its dead-letter queue", stack.outputs["Schedule"])
    assert received(cloud, stack.outputs["Dead"], 0) == []


def test_patched_function_of_ministack_is_where_it_is_expected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(eventbridge, "_invoke_target", lambda *_: None)
    with pytest.raises(RuntimeError, match=r"MiniStack has changed: .*eventbridge\._invoke_target"):
        schedules.install()


def test_ministack_still_waits_the_whole_delay() -> None:
    source = inspect.getsource(scheduler._ticker_loop)
    assert "time.sleep(_SCHEDULE_TICK_INTERVAL)" in source, "look at schedules again"


def test_ministack_alone_still_takes_a_schedule_for_a_rule() -> None:
    source = inspect.getsource(scheduler._tick_schedules)
    assert "_eb._invoke_target(target, event, sched)" in source, "look at schedules again"
