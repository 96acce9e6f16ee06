"""Event source mappings of queues against the running emulator."""

import inspect
import json
import time
from itertools import pairwise
from typing import Any

import pytest
from ministack.services import lambda_svc

from emulator.cloud import Cloud
from tests.support.consumers import (
    LOG,
    QUEUE,
    READ_QUEUE,
    all_of,
    bodies,
    consumer,
    denied,
    mapping,
    seen,
    until,
)
from tests.support.small_stacks import Deploy, Stack, allowed, client, get, ref, role
from tests.support.waiting import TIMEOUT_SECONDS

ROLE = role(*READ_QUEUE, *LOG)
FIFO = {"FifoQueue": True, "ContentBasedDeduplication": True, "VisibilityTimeout": 120}
MOST_AT_ONCE = 10
REPORTS = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def queue_with(deploy: Deploy, queue: Any, function: Any, **properties: Any) -> Stack:
    return deploy(
        {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": queue}, **function, "Role": ROLE,
            "Mapping": mapping(get("Queue"), **properties),
        },
        Queue=ref("Queue"), Log=ref("ConsumerLog"), Mapping=ref("Mapping"),
    )  # fmt: skip


def send(cloud: Cloud, stack: Stack, *messages: str) -> None:
    """Send messages in order; the first letter is the group of a FIFO queue."""
    url = stack.outputs["Queue"]
    grouped = url.endswith(".fifo")
    entries = [
        {"Id": str(n), "MessageBody": message} | ({"MessageGroupId": message[0]} if grouped else {})
        for n, message in enumerate(messages)
    ]
    for n in range(0, len(entries), MOST_AT_ONCE):
        some = entries[n : n + MOST_AT_ONCE]
        answer = client(cloud, "sqs").send_message_batch(QueueUrl=url, Entries=some)
        assert not answer.get("Failed"), answer


def left(cloud: Cloud, stack: Stack) -> int:
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = client(cloud, "sqs").get_queue_attributes(
        QueueUrl=stack.outputs["Queue"], AttributeNames=counts
    )["Attributes"]
    return sum(int(found[name]) for name in counts)


def result(cloud: Cloud, stack: Stack) -> str:
    """What came of the last batch, which is said when nothing more comes of it."""
    found = client(cloud, "lambda").get_event_source_mapping(UUID=stack.outputs["Mapping"])
    return str(found["LastProcessingResult"])


def switch(cloud: Cloud, stack: Stack, *, on: bool) -> None:
    client(cloud, "lambda").update_event_source_mapping(UUID=stack.outputs["Mapping"], Enabled=on)


def test_groups_run_in_parallel_and_each_in_order(cloud: Cloud, deploy: Deploy) -> None:
    stack = queue_with(deploy, FIFO, consumer(SECONDS="1.2"), BatchSize=1)
    expected = [f"{group}{n}" for n in range(3) for group in "abcd"]
    send(cloud, stack, *expected)
    found = until(
        lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(s) == 12, seconds=TIMEOUT_SECONDS
    )
    order = [body for one in found for body in one.bodies]
    assert sorted(order) == sorted(expected)
    for group in "abcd":
        mine = [one for one in found if one.bodies[0][0] == group]
        assert bodies(mine) == [[f"{group}{n}"] for n in range(3)]
        assert not any(one.overlaps(after) for one, after in pairwise(mine))
    assert any(one.overlaps(other) for one in found for other in found if one is not other)
    assert until(lambda: left(cloud, stack), lambda n: n == 0) == 0


def test_failed_group_waits_and_others_go_on(cloud: Cloud, deploy: Deploy) -> None:
    stack = queue_with(deploy, FIFO, consumer(REPORTS="yes"), BatchSize=1, **REPORTS)
    send(cloud, stack, "bad", "b1", "a0", "a1", "a2")
    found = until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: all_of(s) >= {"bad", "a2"})
    order = [body for one in found for body in one.bodies]
    assert [body for body in order if body[0] == "a"] == ["a0", "a1", "a2"]
    assert [body for body in order if body[0] == "b"] == ["bad"], "b1 is behind what failed"


@pytest.mark.parametrize(
    ("answer", "remaining"),
    [
        (None, 1),
        ({"batchItemFailures": []}, 0),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, 3),
        ({"batchItemFailures": [{"id": "x"}]}, 3),
    ],
)
def test_reported_failures_stay_in_the_queue(
    cloud: Cloud, deploy: Deploy, answer: Any, remaining: int
) -> None:
    function = consumer(ANSWERS=json.dumps(answer)) if answer else consumer(REPORTS="yes")
    stack = queue_with(
        deploy, QUEUE["Properties"], function, MaximumBatchingWindowInSeconds=1, **REPORTS
    )
    send(cloud, stack, "a", "bad", "c")
    found = until(lambda: seen(cloud, stack.outputs["Log"]), bool)
    assert bodies(found) == [["a", "bad", "c"]]
    assert until(lambda: result(cloud, stack), lambda known: known == "OK") == "OK"
    assert until(lambda: left(cloud, stack), lambda n: n == remaining) == remaining


@pytest.mark.parametrize("queue", [{}, FIFO], ids=["standard", "fifo"])
def test_failed_batch_returns_after_its_visibility_timeout(
    cloud: Cloud, deploy: Deploy, queue: Any
) -> None:
    # A slow function is not done by then: what came back meanwhile is in a batch of its own.
    stack = queue_with(deploy, {**queue, "VisibilityTimeout": 1}, consumer(), BatchSize=1)
    send(cloud, stack, "bad")
    found = until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(s) >= 2)
    assert bodies(found)[:2] == [["bad"], ["bad"]]


def test_batching_window_gathers_more_than_one_receive_returns(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = queue_with(
        deploy, QUEUE["Properties"], consumer(), BatchSize=30, MaximumBatchingWindowInSeconds=1
    )
    expected = [str(n) for n in range(25)]
    send(cloud, stack, *expected)
    found = until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(all_of(s)) == 25)
    assert [sorted(one) for one in bodies(found)] == [sorted(expected)]


def test_concurrency_stays_below_the_maximum(cloud: Cloud, deploy: Deploy) -> None:
    stack = queue_with(
        # Long enough for the local cloud to start a second process rather than wait for the first.
        deploy, QUEUE["Properties"], consumer(SECONDS="1.5"), BatchSize=1,
        ScalingConfig={"MaximumConcurrency": 2},
    )  # fmt: skip
    send(cloud, stack, *"abcdef")
    found = until(
        lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(s) == 6, seconds=TIMEOUT_SECONDS
    )
    assert max(sum(one.began <= at.began < one.ended for one in found) for at in found) == 2


def test_filtered_messages_are_deleted(cloud: Cloud, deploy: Deploy) -> None:
    wanted = {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["a"]}})}]}
    stack = queue_with(deploy, QUEUE["Properties"], consumer(), FilterCriteria=wanted)
    a, b = json.dumps({"kind": "a"}), json.dumps({"kind": "b"})
    send(cloud, stack, b, a, b)
    assert until(lambda: left(cloud, stack), lambda n: n == 0) == 0
    assert bodies(seen(cloud, stack.outputs["Log"])) == [[a]]


def test_disabled_mapping_receives_nothing(cloud: Cloud, deploy: Deploy) -> None:
    stack = queue_with(deploy, QUEUE["Properties"], consumer())
    switch(cloud, stack, on=False)
    send(cloud, stack, "a")
    time.sleep(1.5)  # Longer than the mapping takes to look again; if not, the test proves less.
    send(cloud, stack, "b")
    switch(cloud, stack, on=True)
    found = until(lambda: seen(cloud, stack.outputs["Log"]), bool)
    assert bodies(found) == [["a", "b"]], "nothing before"


@pytest.mark.parametrize("missing", READ_QUEUE)
def test_role_that_may_not_receive_gets_nothing(cloud: Cloud, deploy: Deploy, missing: str) -> None:
    stack = deploy(
        {
            "Queue": QUEUE, **consumer(),
            "Role": role(*(action for action in READ_QUEUE if action != missing), *LOG),
            "Mapping": mapping(get("Queue")),
        },
        Queue=ref("Queue"), Arn=get("Queue"), Role=get("Role"), Log=ref("ConsumerLog"),
    )  # fmt: skip
    send(cloud, stack, "a")
    denial = denied(stack.outputs["Role"], missing, stack.outputs["Arn"])
    assert denial in until(cloud.log.read_text, lambda log: denial in log)
    send(cloud, stack, "b")
    with allowed(cloud, stack.outputs["Role"], missing):
        found = until(lambda: seen(cloud, stack.outputs["Log"]), bool)
    assert bodies(found) == [["a", "b"]], "nothing before, and all as soon as it may"


def test_encrypted_queue_is_read_only_with_rights_on_its_key(cloud: Cloud, deploy: Deploy) -> None:
    owner = {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}
    statement = {"Effect": "Allow", "Principal": owner, "Action": "kms:*", "Resource": "*"}
    stack = deploy(
        {
            "Key": {
                "Type": "AWS::KMS::Key",
                "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [statement]}},
            },
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": ref("Key")}},
            **consumer(), "Role": ROLE, "Mapping": mapping(get("Queue")),
        },
        Queue=ref("Queue"), Key=get("Key"), Role=get("Role"), Log=ref("ConsumerLog"),
    )  # fmt: skip
    send(cloud, stack, "a")
    denial = denied(stack.outputs["Role"], "kms:Decrypt", stack.outputs["Key"])
    assert denial in until(cloud.log.read_text, lambda log: denial in log)
    assert not seen(cloud, stack.outputs["Log"])


def test_ministack_still_lacks_what_the_patch_adds() -> None:
    limit = inspect.getsource(lambda_svc._sqs_esm_concurrency)
    assert "return 1" in limit, "MiniStack runs FIFO groups in parallel: is queue_mappings needed?"
    poll = inspect.getsource(lambda_svc._poll_sqs)
    assert "MaximumBatchingWindowInSeconds" not in poll, (
        "MiniStack knows batching windows: is queue_mappings needed?"
    )
