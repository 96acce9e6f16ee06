"""What is in a place, decoded: what was to be done, where it failed, why, and how often.

A message that nobody can decode is a record all the same: its body as it is, and nothing known.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ops.dlq.failure_sinks import FailureSink, Mechanism

REDRIVEN, PREVIOUS_ERRORS = "redriven", "earlier"
"""Message attributes that a redrive adds: how often it was one, and the reasons until then."""
ERROR = ("RequestID", "ErrorCode", "ErrorMessage")
"""Those that Lambda adds to an event that a function failed at.

SNS has been seen to add the same to what it could not deliver, of which its guide says nothing.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMessage:
    """A queue's message or a bucket's object as it is.

    ``id`` stays the same however often it is looked at; ``handle`` is what deletes it. ``since``
    is when it was parked; where AWS keeps the time of the first sending instead, that.
    """

    id: str
    body: str
    sent_at: datetime
    receipt_handle: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    group_id: str = ""
    source_queue_arn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A decoded message. ``how`` it came here is None if it cannot be told.

    ``event`` is what was to be done, as JSON or as text. ``where`` is the name or ARN of what
    failed at it, ``why`` its error, ``times`` the number of attempts, ``first`` the time of the
    event, as they were written; 0 or empty is what the message does not tell. ``redriven`` counts
    how often it was put back before; ``earlier`` are the reasons why it came here then.
    """

    message: RawMessage
    mechanism: Mechanism | None = None
    event: Any = None
    failed_at: str = ""
    error: str = ""
    attempts: int = 0
    event_time: str = ""
    redrive_count: int = 0
    previous_errors: Sequence[str] = ()
    report: Mapping[str, Any] = field(default_factory=dict)

    def mentions(self, text: str) -> bool:
        """Whether a text is in the message, or in one of its attributes."""
        whole = (self.message.body, *self.message.attributes.values())
        return any(text in part for part in whole)

    def has_field(self, path: str, value: str) -> bool:
        """Whether a field of the event, such as ``detail.data.order_id``, has that value."""
        found = self.event
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found is not None and value == (found if isinstance(found, str) else _text(found))


def decode(message: RawMessage, sink: FailureSink) -> DeadLetter:
    """Decode what was found in a place, by its shape and by what can have put it there."""
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
        # The event may be an envelope itself, of what another function did.
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
        error = _join(attributes.get("ErrorCode"), attributes.get("ErrorMessage"))
        return replace(
            dead_letter, mechanism=Mechanism.FUNCTION_DLQ, error=error, event_time=_event_time(body)
        )
    if isinstance(body, dict) and (read := _decode_report(body, dead_letter)) is not None:
        return read
    return _decode_unwrapped(dead_letter, sink)


def _decode_report(body: dict[str, Any], dead_letter: DeadLetter) -> DeadLetter | None:
    """A record whose body is an envelope: of Lambda, of a saga, or of a function that parks."""
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
    """What Lambda writes about an event, or a batch, that a function failed at.

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
                dead_letter, mechanism=Mechanism.DESTINATION, event=payload, event_time=first
            )
    return None


def _decode_unwrapped(dead_letter: DeadLetter, sink: FailureSink) -> DeadLetter:
    """A record that is parked as it was: by a queue, by SNS, by Lambda, or by its consumer."""
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
            error="it came again and again",
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


def parse_json(text: Any) -> Any:
    """A text as JSON, or as it is if it is none, as NaN is not, or is nested too deeply."""
    try:
        return json.loads(text, parse_constant=_refuse) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


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
    return answer if isinstance(answer, str) else _text(answer)


def _join(*parts: object) -> str:
    return ": ".join(str(part) for part in parts if part)


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isdecimal() else 0


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
