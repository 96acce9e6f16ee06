"""What AWS writes, key by key."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.delivery_rules import payloads

RECORD = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"
RULE = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"
SCHEDULE = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html"
NOTIFICATION = "https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html"

FUNCTION = "arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST"
BUS = "arn:aws:events:us-east-2:123456789012:event-bus/Orders"
AT = datetime(2019, 11, 14, 18, 16, 5, 568_000, UTC)


def record(condition: str, response: payloads.Response | None, invocations: int = 3):
    return payloads.invocation_record(
        request_id="e4b46cbf",
        function_arn=FUNCTION,
        condition=condition,
        invocations=invocations,
        payload={"ORDER_IDS": ["9e07af03"]},
        response=response,
        at=AT,
    )


def test_failure_record_equals_the_documented_one() -> None:
    error = {"errorMessage": "Process exited before completing request"}
    response = payloads.Response(payload=error, version="$LATEST", failed=True)
    assert record("RetriesExhausted", response) == {
        "version": "1.0",
        "timestamp": "2019-11-14T18:16:05.568Z",
        "requestContext": {
            "requestId": "e4b46cbf",
            "functionArn": FUNCTION,
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"ORDER_IDS": ["9e07af03"]},
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": error,
    }, RECORD


def test_success_record_has_no_error() -> None:
    response = payloads.Response(payload=None, version="7", failed=False)
    written = record("Success", response, invocations=1)
    assert written["responseContext"] == {"statusCode": 200, "executedVersion": "7"}, RECORD
    assert written["responsePayload"] is None


@pytest.mark.parametrize("condition", ["ZeroReservedConcurrency", "EventAgeExceeded"])
def test_record_of_a_function_that_never_ran_has_no_response(condition: str) -> None:
    written = record(condition, None, invocations=0)
    assert written.keys() == {"version", "timestamp", "requestContext", "requestPayload"}, RECORD


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ("Success", "Success"),
        ("RetriesExhausted", "Failure"),
        ("EventAgeExceeded", "Failure"),
        ("ZeroReservedConcurrency", "Failure"),
    ],
)
def test_record_on_a_bus_is_the_events_detail(condition: str, outcome: str) -> None:
    written = record(condition, None)
    entry = payloads.invocation_event(written, BUS)
    assert json.loads(entry.pop("Detail")) == written, RECORD
    assert sorted(entry.pop("Resources")) == sorted([FUNCTION, BUS]), RECORD
    assert entry == {
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {outcome}",
    }, RECORD


def test_dead_letter_of_a_function_names_request_and_error() -> None:
    assert payloads.function_attributes("e4b46cbf", 200, "no funds") == {
        "RequestID": "e4b46cbf",
        "ErrorCode": 200,
        "ErrorMessage": "no funds",
    }, f"{RECORD}#invocation-dlq"


@example("x" * 2000)
@example("x" + "ü" * 2000)
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=3000))
def test_dead_letter_of_a_function_has_the_first_kilobyte_of_the_error(message: str) -> None:
    kept = payloads.function_attributes("e4b46cbf", 200, message)["ErrorMessage"]
    assert isinstance(kept, str)
    assert message.startswith(kept), f"{RECORD}#invocation-dlq"
    assert len(kept.encode()) <= 1024
    assert kept == message or len(kept.encode()) > 1020


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("AccessDenied", "NO_PERMISSIONS"),
        ("AccessDeniedException", "NO_PERMISSIONS"),
        ("AuthorizationError", "NO_PERMISSIONS"),
        ("AWS.SimpleQueueService.NonExistentQueue", "NO_RESOURCE"),
        ("NotFound", "NO_RESOURCE"),
        ("ResourceNotFoundException", "NO_RESOURCE"),
        ("StateMachineDoesNotExist", "NO_RESOURCE"),
        ("InvalidRequestContentException", "INVALID_JSON"),
        ("InvalidParameterValue", "INVALID_PARAMETER"),
        ("MissingParameter", "INVALID_PARAMETER"),
        ("ValidationException", "INVALID_PARAMETER"),
        ("InternalError", "INTERNAL_ERROR"),
        ("InvalidMessageContents", "ERROR_FROM_TARGET"),
    ],
)
def test_dead_letter_of_a_rule_has_eventbridges_error(code: str, written: str) -> None:
    assert payloads.rule_attributes(
        rule="r", target="t", code=code, message="m", condition="", retries=0
    ) == {
        "RULE_ARN": "r",
        "TARGET_ARN": "t",
        "ERROR_CODE": written,
        "ERROR_MESSAGE": "m",
        "RETRY_ATTEMPTS": "0",
    }, RULE


@pytest.mark.parametrize("condition", ["MaximumRetryAttempts", "MaximumEventAgeInSeconds"])
def test_reached_limit_is_named(condition: str) -> None:
    rule = payloads.rule_attributes(
        rule="r", target="t", code="c", message="m", condition=condition, retries=185
    )
    assert rule["EXHAUSTED_RETRY_CONDITION"] == condition, RULE
    assert rule["RETRY_ATTEMPTS"] == "185"
    schedule = payloads.schedule_attributes(
        schedule="s", target="t", code="c", message="m", condition=condition, retries=1,
        execution="e", at=AT,
    )  # fmt: skip
    assert schedule["EXHAUSTED_RETRY_CONDITION"] == condition, SCHEDULE


def test_dead_letter_of_a_schedule_has_the_services_error() -> None:
    assert payloads.schedule_attributes(
        schedule="arn:aws:scheduler:us-west-2:123456789012:schedule/DLQ-test",
        target="arn:aws:sqs:us-west-2:123456789012:does-not-exist",
        code="AWS.SimpleQueueService.NonExistentQueue",
        message="The specified queue does not exist.",
        condition="",
        retries=0,
        execution="ad06616e51cdf74a",
        at=datetime(2022, 5, 14, 1, 12, tzinfo=UTC),
    ) == {
        "SCHEDULE_ARN": "arn:aws:scheduler:us-west-2:123456789012:schedule/DLQ-test",
        "TARGET_ARN": "arn:aws:sqs:us-west-2:123456789012:does-not-exist",
        "ERROR_CODE": "AWS.SimpleQueueService.NonExistentQueue",
        "ERROR_MESSAGE": "The specified queue does not exist.",
        "EXECUTION_ID": "ad06616e51cdf74a",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
        "SCHEDULED_TIME": "2022-05-14T01:12:00Z",
    }, SCHEDULE


def test_function_gets_a_notification_as_a_record() -> None:
    assert payloads.notification_event({"Message": "m"}, "arn:sub") == {
        "Records": [
            {
                "EventVersion": "1.0",
                "EventSubscriptionArn": "arn:sub",
                "EventSource": "aws:sns",
                "Sns": {"Message": "m"},
            }
        ]
    }, NOTIFICATION
