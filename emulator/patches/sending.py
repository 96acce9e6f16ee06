"""Sending a message to a resource on behalf of a principal. All deliveries use this module.

AWS: a delivery is a request to the service of the resource, with all its rules: permissions,
deduplication in FIFO queues and topics, filters, limits.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html
MiniStack 1.5.33: puts messages straight into queues and checks no permission.
Can go: when MiniStack's own deliveries are such requests.
"""

import base64
import contextvars
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ministack.core import iam_evaluator
from ministack.services import (
    cloudwatch_logs,
    eventbridge,
    kinesis,
    lambda_svc,
    sns,
    sqs,
    stepfunctions,
)

from emulator.patches.permissions import AccessDenied, Principal, check

logger = logging.getLogger("emulator.sending")

Attributes = Mapping[str, str | int | Mapping[str, Any]]
"""Text is a String attribute, a number a Number; a mapping is as the API of SQS and SNS has it."""

_LOG_STREAM = "events"
_PASSING = {
    "ExecutionLimitExceeded",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ResourceInUseException",
    "ThrottlingException",
}


class DeliveryError(Exception):
    """The resource did not accept the message; `code` is AWS's error code.

    `permanent` means that a retry would fail, too: the resource does not exist, or access is
    denied.
    """

    def __init__(self, code: str, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent


def send(
    to: str,
    body: str,
    *,
    by: Principal,
    attributes: Attributes | None = None,
    group: str = "",
    deduplication: str = "",
) -> None:
    """Send `body` to the resource with the ARN `to`; raises DeliveryError.

    `attributes` become message attributes of SQS and SNS. `group` is the FIFO message group or the
    Kinesis partition key; without `deduplication`, a FIFO queue or topic must use content-based
    deduplication. For an event bus, `body` is an entry of PutEvents.
    """
    message = _Message(to, body, _typed(attributes or {}), group, deduplication)
    context = {}
    if ":event-bus/" in to:
        entry = json.loads(body)
        context = {"events_source": entry["Source"], "events_detail-type": entry["DetailType"]}
    found = authorize(to, by, **context)
    try:
        _over_tls().run(_DESTINATIONS[to.split(":")[2]].deliver, message, found)
    except (sqs._Err, sns.SnsPublishError, json.JSONDecodeError) as error:
        code = getattr(error, "code", "InvalidRequestContentException")
        raise DeliveryError(code, str(error), permanent=True) from error
    except DeliveryError:
        raise
    except Exception as error:
        # Treated as a server-side error of AWS: it is retried, and the log shows what went wrong.
        logger.exception("handing a message to %s failed", to)
        raise DeliveryError("InternalError", repr(error), permanent=False) from error


def _over_tls() -> contextvars.Context:
    """Return a context in which resource policies see TLS, which AWS's services use.

    Threads of the emulator, such as that of the mappings, have no context of a request.
    """
    context = contextvars.copy_context()
    context.run(iam_evaluator.pin_request_origin, "127.0.0.1", secure_transport=True)
    return context


def authorize(to: str, by: Principal, **context: str) -> Any:
    """Return the emulator's record of the resource `to`, if `by` may send to it.

    `context` has further condition keys, as for `check`. Raises DeliveryError if the resource does
    not exist, or if `by` may not send to it.
    """
    destination = _DESTINATIONS[to.split(":")[2]]
    found = destination.find(to)
    if not found:
        raise DeliveryError(destination.missing, f"{to} does not exist", permanent=True)
    on = f"{to.removesuffix(':*')}:log-stream:{_LOG_STREAM}" if ":log-group:" in to else to
    try:
        for action in destination.actions:
            check(by, action, on, **context)
    except AccessDenied as error:
        raise DeliveryError(destination.denied, str(error), permanent=True) from error
    return found


class _Message(NamedTuple):
    to: str
    body: str
    attributes: Mapping[str, Mapping[str, Any]]
    group: str
    deduplication: str


def _typed(attributes: Attributes) -> dict[str, Mapping[str, Any]]:
    def typed(value: str | int | Mapping[str, Any]) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        kind = "Number" if isinstance(value, int) else "String"
        return {"DataType": kind, "StringValue": str(value)}

    return {name: typed(value) for name, value in attributes.items()}


def _to_queue(message: _Message, queue: Mapping[str, Any]) -> None:
    request: dict[str, Any] = {"MessageBody": message.body, "MessageAttributes": message.attributes}
    if queue["is_fifo"]:
        request["MessageGroupId"] = message.group
        request["MessageDeduplicationId"] = message.deduplication
    # A mapping's poller, which takes the lock, rewrites the list of messages.
    with sqs._queues_lock:
        sqs._act_send_message(request, queue["url"])


def _to_topic(message: _Message, _topic: Any) -> None:
    sns.publish_internal(
        message.to,
        message.body,
        message_attributes=message.attributes,
        message_group_id=message.group,
        message_deduplication_id=message.deduplication,
    )


def _to_function(message: _Message, function: Mapping[str, Any]) -> None:
    # Retries and destinations are those of the version or alias in the ARN.
    invoked = {**function, "config": {**function["config"], "FunctionArn": message.to}}
    lambda_svc.invoke_async_with_retry(invoked, json.loads(message.body))


def _to_bus(message: _Message, _bus: Any) -> None:
    entry = {**json.loads(message.body), "EventBusName": message.to}
    (result,) = _answered(eventbridge._put_events({"Entries": [entry]}))["Entries"]
    if "ErrorCode" in result:
        raise DeliveryError(result["ErrorCode"], result["ErrorMessage"], permanent=True)


def _to_stream(message: _Message, _stream: Any) -> None:
    data = base64.b64encode(message.body.encode()).decode()
    record = {"StreamARN": message.to, "PartitionKey": message.group, "Data": data}
    _answered(kinesis._put_record(record))


def _to_machine(message: _Message, _machine: Any) -> None:
    request = {"stateMachineArn": message.to, "input": message.body}
    _answered(stepfunctions._start_execution(request))


def _to_log_group(message: _Message, group: Mapping[str, Any]) -> None:
    name = {"logGroupName": _log_group(message.to), "logStreamName": _LOG_STREAM}
    if _LOG_STREAM not in group["streams"]:
        _answered(cloudwatch_logs._create_log_stream(name))
    line = {"message": message.body}
    _answered(cloudwatch_logs._put_log_events({**name, "logEvents": [line]}))


def _log_group(arn: str) -> str:
    return arn.partition(":log-group:")[2].removesuffix(":*")


class _Destination(NamedTuple):
    find: Callable[[str], Any]
    deliver: Callable[[_Message, Any], None]
    actions: tuple[str, ...]
    missing: str = "ResourceNotFoundException"
    denied: str = "AccessDeniedException"


_DESTINATIONS = {
    "events": _Destination(
        lambda arn: eventbridge._event_buses.get(arn.rpartition("/")[2]),
        _to_bus,
        ("events:PutEvents",),
    ),
    "kinesis": _Destination(kinesis._resolve_stream_by_arn, _to_stream, ("kinesis:PutRecord",)),
    "lambda": _Destination(
        lambda arn: lambda_svc._get_func_record_for_ref(arn)[0],
        _to_function,
        ("lambda:InvokeFunction",),
    ),
    "logs": _Destination(
        lambda arn: cloudwatch_logs._log_groups.get(_log_group(arn)),
        _to_log_group,
        ("logs:CreateLogStream", "logs:PutLogEvents"),
    ),
    "sns": _Destination(
        sns._topic_by_arn_any_scope, _to_topic, ("sns:Publish",), "NotFound", "AuthorizationError"
    ),
    "sqs": _Destination(
        sqs._queue_by_arn,
        _to_queue,
        ("sqs:SendMessage",),
        "AWS.SimpleQueueService.NonExistentQueue",
        "AccessDenied",
    ),
    "states": _Destination(
        stepfunctions._resolve_state_machine_arn,
        _to_machine,
        ("states:StartExecution",),
        "StateMachineDoesNotExist",
    ),
}


def _answered(response: tuple[int, Any, bytes | str]) -> dict[str, Any]:
    status, _, body = response
    answer: dict[str, Any] = json.loads(body) if body else {}
    if status >= 400:
        code = str(answer.get("__type")).rpartition("#")[2]
        raise DeliveryError(code, answer.get("message", code), permanent=code not in _PASSING)
    return answer
