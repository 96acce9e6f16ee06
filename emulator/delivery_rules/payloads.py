"""The records and attributes that AWS adds to messages: of invocations and of dead letters.

A text becomes a String attribute of SQS and SNS, a number a Number.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_ATTRIBUTE_BYTES = 1024

_RULE_CODES = {
    "AccessDenied": "NO_PERMISSIONS",
    "AccessDeniedException": "NO_PERMISSIONS",
    "AuthorizationError": "NO_PERMISSIONS",
    "AWS.SimpleQueueService.NonExistentQueue": "NO_RESOURCE",
    "NotFound": "NO_RESOURCE",
    "ResourceNotFoundException": "NO_RESOURCE",
    "StateMachineDoesNotExist": "NO_RESOURCE",
    "InvalidRequestContentException": "INVALID_JSON",
    "InvalidParameterValue": "INVALID_PARAMETER",
    "MissingParameter": "INVALID_PARAMETER",
    "ValidationException": "INVALID_PARAMETER",
    "InternalError": "INTERNAL_ERROR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A function's response; `version` is the version that ran."""

    payload: Any
    version: str
    failed: bool


def invocation_record(
    *,
    request_id: str,
    function_arn: str,
    condition: str,
    invocations: int,
    payload: Any,
    response: Response | None,
    at: datetime,
) -> dict[str, Any]:
    """Return the record that a destination gets. Without a response, the function never ran.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "requestPayload": payload,
    }
    if response:
        record["responseContext"] = {"statusCode": 200, "executedVersion": response.version}
        if response.failed:
            record["responseContext"]["functionError"] = "Unhandled"
        record["responsePayload"] = response.payload
    return record


def invocation_event(record: Mapping[str, Any], bus_arn: str) -> dict[str, Any]:
    """Return the PutEvents entry for an invocation's record, for a destination that is a bus.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    context = record["requestContext"]
    outcome = "Success" if context["condition"] == "Success" else "Failure"
    return {
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {outcome}",
        "Resources": [bus_arn, context["functionArn"]],
        "Detail": json.dumps(record),
    }


def function_attributes(request_id: str, status: int, message: str) -> dict[str, str | int]:
    """Return the attributes of an event in a function's dead-letter queue: they say why it failed.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
    """
    first = message.encode()[:_ATTRIBUTE_BYTES].decode(errors="ignore")
    return {"RequestID": request_id, "ErrorCode": status, "ErrorMessage": first}


def rule_attributes(
    *, rule: str, target: str, code: str, message: str, condition: str, retries: int
) -> dict[str, str]:
    """Return the attributes of an event in the dead-letter queue of a rule's target.

    `code` is the error code of the target's service; it is converted to EventBridge's own code.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    return {
        "RULE_ARN": rule,
        "TARGET_ARN": target,
        "ERROR_CODE": _RULE_CODES.get(code, "ERROR_FROM_TARGET"),
        "ERROR_MESSAGE": message,
        "RETRY_ATTEMPTS": str(retries),
        **_exhausted(condition),
    }


def schedule_attributes(
    *,
    schedule: str,
    target: str,
    code: str,
    message: str,
    condition: str,
    retries: int,
    execution: str,
    at: datetime,
) -> dict[str, str]:
    """Return the attributes of a payload in a schedule's dead-letter queue.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """
    return {
        "SCHEDULE_ARN": schedule,
        "TARGET_ARN": target,
        "ERROR_CODE": code,
        "ERROR_MESSAGE": message,
        "EXECUTION_ID": execution,
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": str(retries),
        "SCHEDULED_TIME": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **_exhausted(condition),
    }


def notification_event(notification: Mapping[str, Any], subscription_arn: str) -> dict[str, Any]:
    """Return the event with which a function is invoked for an SNS notification.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
    """
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "EventSource": "aws:sns",
        "Sns": notification,
    }
    return {"Records": [record]}


def _exhausted(condition: str) -> dict[str, str]:
    """Return the attribute for the exhausted limit; none if no retry was made at all."""
    return {"EXHAUSTED_RETRY_CONDITION": condition} if condition else {}
