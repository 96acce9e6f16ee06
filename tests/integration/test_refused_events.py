"""An event that a target refuses is dead-lettered, and one that fails is tried again."""

import inspect
import json
from typing import Any

import pytest
from ministack.services import eventbridge

from emulator.cloud import Cloud
from emulator.delivery_rules.retry_policies import (
    FailedAttempt,
    GiveUp,
    Limits,
    RetryAfter,
    decide_target_retry,
)
from emulator.patches import event_targets, sending
from emulator.patches._delivery import Delivery
from emulator.patches.permissions import Service
from emulator.patches.sending import DeliveryError
from tests.support.deliveries import (
    attributes,
    eventually,
    logged,
    put,
    queue,
    queue_policy,
    received,
)
from tests.support.rules_with_targets import (
    DEAD,
    bus,
    refused_for_lack_of_rights,
    rule,
    to,
    topic_policy,
)
from tests.support.small_stacks import Deploy, Template, function, get, ref, role


@pytest.mark.parametrize("allowed", [True, False])
def test_queue_with_a_customer_managed_key_gets_events_only_with_rights_on_the_key(
    cloud: Cloud, deploy: Deploy, allowed: bool
) -> None:
    everyone = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    statements: list[Template] = [{**everyone, "Principal": {"AWS": ref("AWS::AccountId")}}]
    if allowed:
        service = {"Service": "events.amazonaws.com"}
        actions = ["kms:GenerateDataKey", "kms:Decrypt"]
        statements.append({**everyone, "Principal": service, "Action": actions})
    document = {"Version": "2012-10-17", "Statement": statements}
    stack = to(
        deploy,
        {"Arn": get("Queue"), **DEAD},
        resources={
            "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document}},
            "Queue": queue(KmsMasterKeyId=ref("Key")),
            "Policy": queue_policy("events", "Queue"),
        },
        Queue=ref("Queue"),
    )
    event = put(cloud, stack.outputs["Bus"])
    if allowed:
        (message,) = received(cloud, stack.outputs["Queue"])
        assert json.loads(message["Body"])["id"] == event
    else:
        said = refused_for_lack_of_rights(cloud, stack)
        assert "kms:" in said["ERROR_MESSAGE"]


def test_role_that_does_not_trust_eventbridge_delivers_nothing(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = to(
        deploy,
        {"Arn": get("Queue"), "RoleArn": get("Role"), **DEAD},
        resources={"Role": role("sqs:SendMessage", service="lambda"), "Queue": queue()},
    )
    put(cloud, stack.outputs["Bus"])
    refused_for_lack_of_rights(cloud, stack)


# What cannot be delivered


def test_event_for_a_deleted_queue_is_dead_lettered_whole(cloud: Cloud, deploy: Deploy) -> None:
    gone = {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:gone"}
    stack = to(
        deploy,
        {"Arn": gone, "Input": '"something else"', **DEAD},
        {"Arn": get("Queue")},
        resources={"Queue": queue(), "Policy": queue_policy("events", "Queue")},
        Queue=ref("Queue"),
    )
    event = put(cloud, stack.outputs["Bus"])
    (dead_letter,) = received(cloud, stack.outputs["Dead"])
    body = json.loads(dead_letter["Body"])
    assert body["id"] == event
    assert body["detail"] == {"category": "lab-supplies", "value": 415, "order": "o-7"}
    arn = f"arn:aws:sqs:{cloud.region}:{cloud.account}:gone"
    assert attributes(dead_letter) == {
        "RULE_ARN": stack.outputs["Rule"],
        "TARGET_ARN": arn,
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": f"{arn} does not exist",
        "RETRY_ATTEMPTS": "0",
    }
    (other,) = received(cloud, stack.outputs["Queue"])
    assert json.loads(other["Body"]) == body
    assert logged(cloud, "not delivered after 0 retries", event, arn)


@pytest.mark.parametrize(
    ("target_", "resources"),
    [
        (get("Queue"), {"Queue": queue()}),
        (
            ref("Topic"),
            {"Topic": {"Type": "AWS::SNS::Topic"}, "TopicPolicy": topic_policy("s3")},
        ),
        (get("Logs"), {"Logs": function("logs"), "Role": role()}),
    ],
    ids=["queue", "topic", "function"],
)
def test_resource_whose_policy_denies_eventbridge_gets_nothing(
    cloud: Cloud, deploy: Deploy, target_: Any, resources: dict[str, Template]
) -> None:
    stack = to(deploy, {"Arn": target_, **DEAD}, resources=resources)
    put(cloud, stack.outputs["Bus"])
    said = refused_for_lack_of_rights(cloud, stack)
    assert "events.amazonaws.com is not authorized" in said["ERROR_MESSAGE"]


def test_dead_letter_queue_that_refuses_is_named_in_the_log(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Bus": bus(),
            "Rule": rule({"Arn": get("Queue"), **DEAD}),
            "Queue": queue(),
            "Dead": queue(QueueName="refuses"),
        },
        Bus=ref("Bus"),
        Dead=ref("Dead"),
    )
    event = put(cloud, stack.outputs["Bus"])
    assert logged(cloud, "not taken by its dead-letter queue", ":refuses", event)
    assert received(cloud, stack.outputs["Dead"], 0) == []


# Trying again, which no target of this cloud can be made to need


def test_failed_delivery_is_retried_until_it_succeeds() -> None:
    failures = [DeliveryError("ResourceInUseException", "busy", permanent=False)] * 3
    attempts: list[int] = []
    decided: list[FailedAttempt] = []

    def attempt() -> None:
        attempts.append(len(attempts))
        if failures:
            raise failures.pop()

    def at_once(failed: FailedAttempt) -> RetryAfter:
        decided.append(failed)
        return RetryAfter(0.1)

    Delivery(what="it", to="there", attempt=attempt, rule=at_once, dead_letter=None).start()
    assert eventually(lambda: len(attempts) == 4)
    assert [(failed.times, round(failed.age, 1)) for failed in decided] == [
        (1, 0.0),
        (2, 0.1),
        (3, 0.2),
    ]


def test_undelivered_event_is_dead_lettered_with_the_number_of_retries() -> None:
    dead_letters: list[tuple[str, GiveUp, int]] = []
    attempts: list[int] = []

    def attempt() -> None:
        attempts.append(1)
        raise DeliveryError("ResourceInUseException", "busy", permanent=False)

    def rule_of_two(failed: FailedAttempt) -> RetryAfter | GiveUp:
        verdict = decide_target_retry(Limits(retries=2, age=60), failed)
        return RetryAfter(0) if isinstance(verdict, RetryAfter) else verdict

    def dead_letter(error: DeliveryError, verdict: GiveUp, retries: int) -> None:
        dead_letters.append((error.code, verdict, retries))

    Delivery(
        what="it", to="there", attempt=attempt, rule=rule_of_two, dead_letter=dead_letter
    ).start()
    assert eventually(lambda: dead_letters)
    assert dead_letters == [("ResourceInUseException", GiveUp("MaximumRetryAttempts"), 2)]
    assert len(attempts) == 3


def test_error_of_the_emulator_counts_as_one_of_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("shard")

    way = sending._DESTINATIONS["sqs"]._replace(find=lambda _: True, deliver=broken)
    monkeypatch.setitem(sending._DESTINATIONS, "sqs", way)
    monkeypatch.setattr(sending, "check", lambda *_, **__: None)
    with pytest.raises(DeliveryError, match="shard") as caught:
        sending.send("arn:aws:sqs:::q", "", by=Service(name="s", source_arn=""))
    assert caught.value.code == "InternalError"
    assert not caught.value.permanent


# The seam


def test_patched_function_of_ministack_is_where_it_is_expected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def moved(target: Any, event: Any) -> None: ...

    monkeypatch.setattr(eventbridge, "_invoke_target", moved)
    with pytest.raises(RuntimeError, match=r"MiniStack has changed: .*eventbridge\._invoke_target"):
        event_targets.install()
    monkeypatch.delattr(eventbridge, "_invoke_target")
    with pytest.raises(RuntimeError, match="MiniStack has changed"):
        event_targets.install()


def test_ministack_alone_still_tries_once_only() -> None:
    source = inspect.getsource(eventbridge._invoke_target)
    assert "DeadLetterConfig" not in source, (
        "MiniStack dead-letters by itself: remove event_targets"
    )
    assert "RetryPolicy" not in source, "MiniStack tries again itself: remove event_targets"
