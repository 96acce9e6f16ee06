"""Decode a dead letter: the event, where it failed, why, and how often.

If a message has an unknown shape, its body is the event, and nothing else is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ops.dlq.failure_sinks import FailureSink, Mechanism
from ops.dlq.json_text import parse_json, to_json

REDRIVEN, PREVIOUS_ERRORS = "redriven", "earlier"
"""The attributes that a redrive adds to a message: how often it was redriven, and its errors."""
ERROR = ("RequestID", "ErrorCode", "ErrorMessage")
"""The attributes that Lambda adds to an event that a function failed on.

SNS has been seen to add the same to a message that it could not deliver. Its guide does not say so.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
"""
MAX_DIGITS = 9
"""A counter with more digits is none of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMessage:
    """A message of a queue, or an object of a bucket, before it is decoded."""

    id: str
    """Stays the same however often the message is received. An object's id is its key."""
    body: str
    sent_at: datetime
    """When it was dead-lettered. After a redrive policy moved it: when it was first sent."""
    receipt_handle: str = ""
    """What deletes the message."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    group_id: str = ""
    source_queue_arn: str = ""
    """The queue whose redrive policy moved it here; empty for other messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A decoded message. A field is empty, or 0, if the message does not have it."""

    message: RawMessage
    mechanism: Mechanism | None = None
    """How it came here; None if that is unknown."""
    event: Any = None
    """What was to be done: a JSON value, or the text where it is not JSON."""
    failed_at: str = ""
    """The name or ARN of what failed on it."""
    error: str = ""
    attempts: int = 0
    event_time: str = ""
    """When the event happened, as the event has it."""
    redrive_count: int = 0
    """How often it was redriven before."""
    previous_errors: Sequence[str] = ()
    """Why it was dead-lettered those times."""
    invocation_id: str = ""
    """The id of the asynchronous invocation that failed, where Lambda says it."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """The envelope around the event that Lambda, a saga or a consumer wrote."""

    def is_twin_of(self, other: "DeadLetter") -> bool:
        """Return whether Lambda wrote both for one invocation, to a queue and to a destination.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        """
        same = self.invocation_id and self.invocation_id == other.invocation_id
        return bool(same and self.mechanism != other.mechanism)

    def mentions(self, text: str) -> bool:
        """Return whether the message, or one of its attributes, contains ``text``."""
        whole = (self.message.body, *self.message.attributes.values())
        return any(text in part for part in whole)

    def has_field(self, path: str, value: str) -> bool:
        """Return whether the event has ``value`` at ``path``, such as ``detail.data.order_id``."""
        found = self.event
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found is not None and value == (found if isinstance(found, str) else to_json(found))


def decode(message: RawMessage, sink: FailureSink) -> DeadLetter:
    """Decode a message by its shape, and by the routes that lead into its sink."""
    body = parse_json(message.body)
    attributes = message.attributes
    dead_letter = DeadLetter(
        message=message,
        event=body,
        redrive_count=_number(attributes.get(REDRIVEN)),
        previous_errors=tuple(filter(None, attributes.get(PREVIOUS_ERRORS, "").split("\n"))),
    )
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    for mechanism, name in ((Mechanism.RULE, "RULE_ARN"), (Mechanism.SCHEDULE, "SCHEDULE_ARN")):
        if name in attributes:
            return replace(
                dead_letter,
                mechanism=mechanism,
                failed_at=attributes.get("TARGET_ARN", ""),
                error=_join(attributes.get("ERROR_CODE"), attributes.get("ERROR_MESSAGE")),
                attempts=1 + _number(attributes.get("RETRY_ATTEMPTS")),
                event_time=_event_time(body) or attributes.get("SCHEDULED_TIME", ""),
            )
    if "RequestID" in attributes and sink.routes_by(Mechanism.FUNCTION_DLQ):
        # The event may look like an invocation record itself: of another function.
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
        error = _join(attributes.get("ErrorCode"), attributes.get("ErrorMessage"))
        return replace(
            dead_letter,
            mechanism=Mechanism.FUNCTION_DLQ,
            error=error,
            event_time=_event_time(body),
            invocation_id=attributes["RequestID"],
        )
    # What SNS could not deliver may look like a record that Lambda sent to this queue itself.
    by_sns = {route.mechanism for route in sink.routes} == {Mechanism.SUBSCRIPTION}
    if isinstance(body, dict) and not by_sns and (read := _decode_report(body, dead_letter)):
        return read
    return _decode_unwrapped(dead_letter, sink)


def _decode_report(body: dict[str, Any], dead_letter: DeadLetter) -> DeadLetter | None:
    """Decode a body that is an envelope by Lambda, a saga or a consumer; None if it is not one."""
    match body:
        case {"requestContext": {"functionArn": str()}}:
            return _decode_invocation_record(body, dead_letter)
        case {"compensation": str(name), "function": str(function), "payload": dict(payload)}:
            return replace(
                dead_letter,
                mechanism=Mechanism.SAGA,
                event=payload,
                failed_at=function,
                error=_join(name, _error(body.get("error"))),
                report=body,
            )
        case {"record": str(), "write": str(write), "execution": str(execution)}:
            return replace(
                dead_letter,
                mechanism=Mechanism.SAGA,
                failed_at=execution,
                error=_join(f"{write} could not be written", _error(body.get("error"))),
                report=body,
            )
        case {"reason": str(reason), "record": dict(failed)}:
            match failed.get(REDRIVEN):
                case {"times": int(times), "earlier": list(earlier)}:
                    dead_letter = replace(
                        dead_letter, redrive_count=times, previous_errors=tuple(map(str, earlier))
                    )
            return replace(
                dead_letter,
                mechanism=Mechanism.CONSUMER,
                event={name: value for name, value in failed.items() if name != REDRIVEN},
                error=reason,
                report=body,
            )
        case {"reason": str(reason), "event": dict(event)}:
            first = _event_time(event)
            return replace(
                dead_letter,
                mechanism=Mechanism.CONSUMER,
                event=event,
                error=reason,
                event_time=first,
                report=body,
            )
    return None


def _decode_invocation_record(body: dict[str, Any], dead_letter: DeadLetter) -> DeadLetter | None:
    """Decode Lambda's record of a failed event or batch; None if the body is not one.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    context = body["requestContext"]
    dead_letter = replace(
        dead_letter,
        failed_at=context["functionArn"],
        error=_join(context.get("condition"), _error(body.get("responsePayload"))),
        attempts=_number(context.get("approximateInvokeCount")),
        report=body,
    )
    match body:
        case {"DDBStreamBatchInfo": dict(batch)} | {"KinesisBatchInfo": dict(batch)}:
            return replace(
                dead_letter,
                mechanism=Mechanism.STREAM_MAPPING,
                event=parse_json(body["payload"]) if "payload" in body else batch,
                event_time=str(batch.get("approximateArrivalOfFirstRecord", "")),
            )
        case {"requestPayload": payload}:
            first = _event_time(payload) or str(body.get("timestamp", ""))
            return replace(
                dead_letter,
                mechanism=Mechanism.DESTINATION,
                event=payload,
                event_time=first,
                invocation_id=str(context.get("requestId", "")),
            )
    return None


def _decode_unwrapped(dead_letter: DeadLetter, sink: FailureSink) -> DeadLetter:
    """Decode a body that is the event itself, from a queue, SNS, Lambda or a consumer."""
    attributes, source = dead_letter.message.attributes, dead_letter.message.source_queue_arn
    dead_letter = replace(dead_letter, event_time=_event_time(dead_letter.event))
    if "reason" in attributes:
        mechanism = (
            Mechanism.CONSUMER if sink.routes_by(Mechanism.CONSUMER) else Mechanism.REDRIVE_POLICY
        )
        return replace(dead_letter, mechanism=mechanism, error=attributes["reason"])
    if source:
        return replace(
            dead_letter,
            mechanism=Mechanism.REDRIVE_POLICY,
            failed_at=source,
            error="it was received too often",
        )
    _, code, explanation = ERROR
    dead_letter = replace(
        dead_letter, error=_join(attributes.get(code), attributes.get(explanation))
    )
    left = {route.mechanism for route in sink.routes} & {
        Mechanism.SUBSCRIPTION,
        Mechanism.REDRIVE_POLICY,
    }
    if len(left) == 1:
        return replace(dead_letter, mechanism=left.pop())
    return dead_letter


def _event_time(event: Any) -> str:
    match event:
        case {"detail": {"metadata": {"occurred_at": str(time)}}} | {"time": str(time)}:
            return time
        case {"metadata": {"occurred_at": str(time)}}:
            return time
    return ""


def _error(answer: Any) -> str:
    match answer:
        case {"errorType": kind, "errorMessage": message}:
            return f"{kind}: {message}"
        case {"Error": kind, **rest}:
            cause = parse_json(str(rest.get("Cause", "")))
            return f"{kind}: {cause.get('errorMessage') if isinstance(cause, dict) else cause}"
        case None:
            return ""
    return answer if isinstance(answer, str) else to_json(answer)


def _join(*parts: object) -> str:
    return ": ".join(str(part) for part in parts if part)


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else 0
