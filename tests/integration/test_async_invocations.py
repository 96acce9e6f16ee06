"""What becomes of an event that a function gets asynchronously and fails at, or cannot take."""

import inspect
from typing import Any

import pytest
from ministack.services import lambda_svc

from emulator.cloud import Cloud
from emulator.faults import control
from emulator.patches import async_invocations
from tests.support.async_invocations import EVENT, RIGHTS, body, invoke, settings
from tests.support.deliveries import attributes, eventually, queue, received
from tests.support.small_stacks import Deploy, Stack, client, function, get, lines, ref
from tests.support.waiting import TIMEOUT_SECONDS


def failing(deploy: Deploy, **properties: Any) -> Stack:
    """A function that fails, with a destination for that and a dead-letter queue."""
    return deploy(
        {
            "Role": RIGHTS,
            "Fails": function("fails", DeadLetterConfig={"TargetArn": get("Dead")}, **properties),
            "Settings": settings("Fails", Failure=get("Failed")),
            "Failed": queue(),
            "Dead": queue(),
        },
        Function=ref("Fails"),
        Failed=ref("Failed"),
        Dead=ref("Dead"),
    )


def test_failed_event_goes_to_the_destination_as_a_record_and_to_the_dead_letters_unchanged(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = failing(deploy)
    invoke(cloud, stack.outputs["Function"])
    (failed,) = received(cloud, stack.outputs["Failed"])
    record = body(failed)
    arn = f"arn:aws:lambda:{cloud.region}:{cloud.account}:function:{stack.outputs['Function']}"
    request = record["requestContext"].pop("requestId")
    assert record["requestContext"] == {
        "functionArn": f"{arn}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == EVENT
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorType"] == "OutOfStock"
    assert record["responsePayload"]["errorMessage"] == "attempt 3"
    assert record["version"] == "1.0"
    assert record["timestamp"].endswith("Z")

    (dead,) = received(cloud, stack.outputs["Dead"])
    assert body(dead) == EVENT
    assert attributes(dead) == {
        "RequestID": request,
        "ErrorCode": "200",
        "ErrorMessage": "attempt 3",
    }
    assert dead["MessageAttributes"]["ErrorCode"]["DataType"] == "Number"
    started = lines(cloud, f"/aws/lambda/{stack.outputs['Function']}", request)
    assert sum(f"START RequestId: {request}" in line for line in started) == 3


def test_event_counts_as_unfinished_until_it_is_a_dead_letter(cloud: Cloud, deploy: Deploy) -> None:
    stack = failing(deploy)
    eventually(lambda: control.unfinished(cloud) == 0)
    invoke(cloud, stack.outputs["Function"])
    assert control.unfinished(cloud) == 1
    eventually(lambda: control.unfinished(cloud) == 0)
    sqs = client(cloud, "sqs")
    for name in ("Failed", "Dead"):
        (message,) = sqs.receive_message(QueueUrl=stack.outputs[name])["Messages"]
        assert message["Body"]


def test_without_retries_one_failure_is_enough(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Role": RIGHTS,
            "Fails": function("fails"),
            "Settings": settings("Fails", Failure=get("Failed"), MaximumRetryAttempts=0),
            "Failed": queue(),
        },
        Function=ref("Fails"),
        Failed=ref("Failed"),
    )
    invoke(cloud, stack.outputs["Function"])
    (failed,) = received(cloud, stack.outputs["Failed"])
    assert body(failed)["requestContext"]["approximateInvokeCount"] == 1
    assert body(failed)["responsePayload"]["errorMessage"] == "attempt 1"


def test_event_that_would_be_too_old_is_not_retried(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Role": RIGHTS,
            "Fails": function("fails"),
            "Settings": settings("Fails", Failure=get("Failed"), MaximumEventAgeInSeconds=150),
            "Failed": queue(),
        },
        Function=ref("Fails"),
        Failed=ref("Failed"),
    )
    invoke(cloud, stack.outputs["Function"])
    (failed,) = received(cloud, stack.outputs["Failed"])
    assert body(failed)["requestContext"]["condition"] == "EventAgeExceeded"
    assert body(failed)["requestContext"]["approximateInvokeCount"] == 2


def test_function_with_reserved_concurrency_zero_dead_letters_its_events_at_once(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = failing(deploy, ReservedConcurrentExecutions=0)
    invoke(cloud, stack.outputs["Function"])
    (failed,) = received(cloud, stack.outputs["Failed"])
    assert body(failed)["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert body(failed)["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in body(failed)
    (dead,) = received(cloud, stack.outputs["Dead"])
    assert body(dead) == EVENT
    assert attributes(dead)["ErrorCode"] == "429"


SLOW = """
import time

def handler(event, context):
    time.sleep({seconds})
"""


def test_throttled_events_wait_and_none_is_lost(cloud: Cloud, deploy: Deploy) -> None:
    code = {"ZipFile": SLOW.format(seconds=0.1)}
    slow = function("handler", Code=code, ReservedConcurrentExecutions=1)
    stack = deploy(
        {
            "Role": RIGHTS,
            "Slow": slow,
            "Settings": settings(
                "Slow", Success=get("Done"), Failure=get("Failed"), MaximumRetryAttempts=0
            ),
            "Done": queue(),
            "Failed": queue(),
        },
        Function=ref("Slow"),
        Done=ref("Done"),
        Failed=ref("Failed"),
    )
    for _ in range(12):
        invoke(cloud, stack.outputs["Function"])
    done = received(cloud, stack.outputs["Done"], 12)
    assert len({body(message)["requestContext"]["requestId"] for message in done}) == 12
    assert received(cloud, stack.outputs["Failed"], 0) == []


def test_slow_function_delays_no_other(cloud: Cloud, deploy: Deploy) -> None:
    # Longer than anybody here waits for anything.
    sleeps = function(
        "handler",
        Code={"ZipFile": SLOW.format(seconds=2 * TIMEOUT_SECONDS)},
        Timeout=3 * TIMEOUT_SECONDS,
    )
    stack = deploy(
        {
            "Role": RIGHTS,
            "Slow": sleeps,
            "SlowSettings": settings("Slow", Success=get("Late")),
            "Fast": function("logs"),
            "FastSettings": settings("Fast", Success=get("Early")),
            "Late": queue(),
            "Early": queue(),
        },
        Slow=ref("Slow"),
        Fast=ref("Fast"),
        Late=ref("Late"),
        Early=ref("Early"),
    )
    for _ in range(11):
        invoke(cloud, stack.outputs["Slow"])
    invoke(cloud, stack.outputs["Fast"])
    assert len(received(cloud, stack.outputs["Early"])) == 1
    assert received(cloud, stack.outputs["Late"], 0) == []


# The seam


@pytest.mark.parametrize("name", ["invoke_async_with_retry", "_execute_function_dispatch"])
def test_patched_function_of_ministack_is_where_it_is_expected(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(lambda_svc, name, lambda *_: None)
    with pytest.raises(RuntimeError, match=rf"MiniStack has changed: .*lambda_svc\.{name}"):
        async_invocations.install()


def test_ministack_still_sends_no_success_record() -> None:
    source = inspect.getsource(lambda_svc.invoke_async_with_retry)
    assert "OnSuccess" not in source, (
        "MiniStack sends success records: look at async_invocations again"
    )
