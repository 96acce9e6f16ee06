"""What is in a place, decoded: what was to be done, where it failed, why, and how often.

A message that nobody can decode is a record all the same: its body as it is, and nothing known.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ops.places import How, Place

REDRIVEN, EARLIER = "redriven", "earlier"
"""Message attributes that a redrive adds: how often it was one, and the reasons until then."""
ERROR = ("RequestID", "ErrorCode", "ErrorMessage")
"""Those that Lambda adds to an event that a function failed at.

SNS has been seen to add the same to what it could not deliver, of which its guide says nothing.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A queue's message or a bucket's object as it is.

    ``id`` stays the same however often it is looked at; ``handle`` is what deletes it. ``since``
    is when it was parked; where AWS keeps the time of the first sending instead, that.
    """

    id: str
    body: str
    since: datetime
    handle: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A decoded message. ``how`` it came here is None if it cannot be told.

    ``event`` is what was to be done, as JSON or as text. ``where`` is the name or ARN of what
    failed at it, ``why`` its error, ``times`` the number of attempts, ``first`` the time of the
    event, as they were written; 0 or empty is what the message does not tell. ``redriven`` counts
    how often it was put back before; ``earlier`` are the reasons why it came here then.
    """

    message: Message
    how: How | None = None
    event: Any = None
    where: str = ""
    why: str = ""
    times: int = 0
    first: str = ""
    redriven: int = 0
    earlier: Sequence[str] = ()
    envelope: Mapping[str, Any] = field(default_factory=dict)

    def mentions(self, text: str) -> bool:
        """Whether a text is in the message, or in one of its attributes."""
        whole = (self.message.body, *self.message.attributes.values())
        return any(text in part for part in whole)

    def has(self, path: str, value: str) -> bool:
        """Whether a field of the event, such as ``detail.data.order_id``, has that value."""
        found = self.event
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found is not None and value == (found if isinstance(found, str) else _text(found))


def decode(message: Message, place: Place) -> Record:
    """Decode what was found in a place, by its shape and by what can have put it there."""
    body = parsed(message.body)
    attributes = message.attributes
    record = Record(
        message=message,
        event=body,
        redriven=_number(attributes.get(REDRIVEN)),
        earlier=tuple(filter(None, attributes.get(EARLIER, "").split("\n"))),
    )
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    for how, name in ((How.RULE, "RULE_ARN"), (How.SCHEDULE, "SCHEDULE_ARN")):
        if name in attributes:
            return replace(
                record,
                how=how,
                where=attributes.get("TARGET_ARN", ""),
                why=_said(attributes.get("ERROR_CODE"), attributes.get("ERROR_MESSAGE")),
                times=1 + _number(attributes.get("RETRY_ATTEMPTS")),
                first=_time_of(body) or attributes.get("SCHEDULED_TIME", ""),
            )
    if "RequestID" in attributes and place.fed(How.DEAD_LETTERS):
        # The event may be an envelope itself, of what another function did.
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
        why = _said(attributes.get("ErrorCode"), attributes.get("ErrorMessage"))
        return replace(record, how=How.DEAD_LETTERS, why=why, first=_time_of(body))
    if isinstance(body, dict) and (read := _read(body, record)) is not None:
        return read
    return _as_it_was(record, place)


def _read(body: dict[str, Any], record: Record) -> Record | None:
    """A record whose body is an envelope: of Lambda, of a saga, or of a function that parks."""
    match body:
        case {"requestContext": {"functionArn": str()}}:
            return _invocation(body, record)
        case {"compensation": str(name), "function": str(function), "payload": dict(payload)}:
            return replace(
                record,
                how=How.SAGA,
                event=payload,
                where=function,
                why=_said(name, _error(body.get("error"))),
                envelope=body,
            )
        case {"record": str(), "write": str(write), "execution": str(execution)}:
            return replace(
                record,
                how=How.SAGA,
                where=execution,
                why=_said(f"{write} could not be written", _error(body.get("error"))),
                envelope=body,
            )
        case {"reason": str(reason), "record": dict(parked)}:
            match parked.get(REDRIVEN):
                case {"times": int(times), "earlier": list(earlier)}:
                    record = replace(record, redriven=times, earlier=tuple(map(str, earlier)))
            return replace(
                record,
                how=How.ITSELF,
                event={name: value for name, value in parked.items() if name != REDRIVEN},
                why=reason,
                envelope=body,
            )
        case {"reason": str(reason), "event": dict(event)}:
            first = _time_of(event)
            return replace(
                record, how=How.ITSELF, event=event, why=reason, first=first, envelope=body
            )
    return None


def _invocation(body: dict[str, Any], record: Record) -> Record | None:
    """What Lambda writes about an event, or a batch, that a function failed at.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    context = body["requestContext"]
    record = replace(
        record,
        where=context["functionArn"],
        why=_said(context.get("condition"), _error(body.get("responsePayload"))),
        times=_number(context.get("approximateInvokeCount")),
        envelope=body,
    )
    match body:
        case {"DDBStreamBatchInfo": dict(batch)} | {"KinesisBatchInfo": dict(batch)}:
            return replace(
                record,
                how=How.MAPPING,
                event=parsed(body["payload"]) if "payload" in body else batch,
                first=str(batch.get("approximateArrivalOfFirstRecord", "")),
            )
        case {"requestPayload": payload}:
            first = _time_of(payload) or str(body.get("timestamp", ""))
            return replace(record, how=How.DESTINATION, event=payload, first=first)
    return None


def _as_it_was(record: Record, place: Place) -> Record:
    """A record that is parked as it was: by a queue, by SNS, by Lambda, or by its consumer."""
    attributes, source = record.message.attributes, record.message.source
    record = replace(record, first=_time_of(record.event))
    if "reason" in attributes:
        how = How.ITSELF if place.fed(How.ITSELF) else How.QUEUE
        return replace(record, how=how, why=attributes["reason"])
    if source:
        return replace(record, how=How.QUEUE, where=source, why="it came again and again")
    _, code, explanation = ERROR
    record = replace(record, why=_said(attributes.get(code), attributes.get(explanation)))
    left = {feed.how for feed in place.feeds} & {How.SUBSCRIPTION, How.QUEUE}
    if len(left) == 1:
        return replace(record, how=left.pop())
    return record


def parsed(text: Any) -> Any:
    """A text as JSON, or as it is if it is none, as NaN is not, or is nested too deeply."""
    try:
        return json.loads(text, parse_constant=_refuse) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _time_of(event: Any) -> str:
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
            cause = parsed(str(rest.get("Cause", "")))
            return f"{kind}: {cause.get('errorMessage') if isinstance(cause, dict) else cause}"
        case None:
            return ""
    return answer if isinstance(answer, str) else _text(answer)


def _said(*parts: object) -> str:
    return ": ".join(str(part) for part in parts if part)


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isdecimal() else 0


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
