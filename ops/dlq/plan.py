"""Plan a redrive: the action that gives a dead letter back to the consumer that failed on it.

The consumer gets the same input as before, in the same way. If it fails again, it dead-letters it
again. Nothing is sent to a target where it would have no effect.

The history of failures is kept where there is room for it: in the attributes of a message, or in a
stream record that its consumer dead-letters by itself. An event for a function, a state machine, a
topic or a log has no room for it. Dead-lettered again, it looks new.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.dlq.decode import ERROR, PREVIOUS_ERRORS, REDRIVEN, DeadLetter
from ops.dlq.failure_sinks import FailureRoute, FailureSink, Mechanism
from ops.dlq.json_text import parse_json
from ops.dlq.target_input import NotRedrivableError, target_input_of, value_at
from ops.dlq.templates import FUNCTION, MACHINE, QUEUE, Resource

SEQUENCE_NUMBERS = ("startSequenceNumber", "endSequenceNumber")
BATCH_POINTER_FIELDS = ("streamArn", "shardId", *SEQUENCE_NUMBERS)
MAX_HISTORY_LENGTH = 1_000
"""How many characters of the previous errors are kept, the latest: a message's size is limited."""
READ_IT = "read it with dlq show --raw, and purge it if nothing needs it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """The action that redrives a dead letter."""

    target: Resource
    """The resource that gets the dead letter's work."""

    def __str__(self) -> str:
        verb = re.sub(r"([A-Z])", r" \1", type(self).__name__).strip().lower()
        return f"{verb} {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTo(Action):
    """Send a message to a queue.

    In a FIFO queue it gets a new deduplication id: with its first one, SQS might drop it as a
    duplicate. The id is derived from the dead letter's id. So if a redrive is interrupted and run
    again, the message is sent once.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
    """

    body: str
    attributes: Mapping[str, str]
    group_id: str = ""
    deduplication_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke(Action):
    """Invoke a function asynchronously, as EventBridge and Scheduler do."""

    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeWithBatch(Action):
    """Invoke a function with stream records, and check its answer, as a mapping does."""

    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeFromStream(Action):
    """Read the failed records from the stream, then invoke a function with them."""

    batch: Mapping[str, Any]
    """A pointer to the records, with ``BATCH_POINTER_FIELDS``."""
    filters: Sequence[Any] = ()
    """The function gets the records that one of these patterns matches; all without patterns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Action):
    """Start an execution of a state machine. A second start with the same name does nothing."""

    input: Any
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOn(Action):
    """Put a record on a stream."""

    data: Any
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTo(Action):
    """Write an event to a log group."""

    event: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTo(Action):
    """Publish an event on a topic."""

    event: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair(Action):
    """Call a compensation, and mark it as completed on its order. The target is the saga.

    Without a compensation, only check that the order has ended: the saga could not write its row.
    """

    order: str
    compensation: str = ""
    function: str = ""
    payload: Any = field(default_factory=dict)


def route_of(dead_letter: DeadLetter, sink: FailureSink) -> FailureRoute | None:
    """Return the route by which a dead letter came; None if it is unknown or no longer deployed."""
    if dead_letter.mechanism is None:
        return None
    execution = dead_letter.report.get("execution")
    dead_lettered_by = (
        dead_letter.message.attributes.get("RULE_ARN") or execution or dead_letter.failed_at
    )
    return sink.find_route(dead_letter.mechanism, str(dead_lettered_by))


def plan_redrive(dead_letter: DeadLetter, sink: FailureSink) -> Action:
    """Return the action that redrives a dead letter.

    Raises:
        NotRedrivableError: there is no such action, or it cannot be determined.
    """
    route = route_of(dead_letter, sink)
    if route is None and dead_letter.mechanism is not None and dead_letter.failed_at:
        raise NotRedrivableError(f"{dead_letter.failed_at} is no longer deployed")
    if route is None:
        raise NotRedrivableError(f"where it came from is unknown: {READ_IT}")
    if dead_letter.message.attributes.get("IS_PAYLOAD_TRUNCATED") == "true":
        raise NotRedrivableError("Scheduler kept only the beginning of the payload")
    if "too_large" in dead_letter.report:
        raise NotRedrivableError(
            "it was too large for a message, which says only where it is: write the row again, or"
            " read the stream there"
        )
    match dead_letter.mechanism:
        case Mechanism.RULE:
            return _to_rule_target(dead_letter, route)
        case Mechanism.STREAM_MAPPING:
            return _retry_batch(dead_letter, route)
        case Mechanism.SAGA:
            return _repair(dead_letter, route)
        case Mechanism.CONSUMER if "event" in dead_letter.report:
            return _hand_to(dead_letter, _require_target(route), dead_letter.event)
        case Mechanism.CONSUMER if _require_target(route).kind == FUNCTION:
            return InvokeWithBatch(
                target=_require_target(route), payload={"Records": [_with_history(dead_letter)]}
            )
        case Mechanism.DESTINATION | Mechanism.FUNCTION_DLQ | Mechanism.SCHEDULE:
            return _hand_to(dead_letter, _require_target(route), dead_letter.event)
    if _require_target(route).kind == FUNCTION:
        return _invoke_with_notification(dead_letter, _require_target(route))
    said = {"reason", *(ERROR if dead_letter.mechanism is Mechanism.SUBSCRIPTION else ())}
    own = {name: text for name, text in dead_letter.message.attributes.items() if name not in said}
    return _send_to(dead_letter, _require_target(route), dead_letter.message.body, own)


def _to_rule_target(dead_letter: DeadLetter, route: FailureRoute) -> Action:
    """Return the action for a rule's target. The target gets the input that the rule would make."""
    event, target_config = dead_letter.event, route.target_config
    whole = isinstance(event, dict) and "detail-type" in event
    target_input = target_input_of(event, target_config) if whole else event
    target = _require_target(route)
    if target.kind == "AWS::Kinesis::Stream":
        path = target_config.get("KinesisParameters", {}).get("PartitionKeyPath", "$.id")
        return PutOn(target=target, data=target_input, key=str(value_at(event, path)))
    return _hand_to(dead_letter, target, target_input)


def _hand_to(dead_letter: DeadLetter, target: Resource, event: Any) -> Action:
    if target.kind != QUEUE and event == dead_letter.message.body:
        raise NotRedrivableError(f"its body is no JSON that {target} can read: {READ_IT}")
    match target.kind:
        case "AWS::SQS::Queue":
            body = event if isinstance(event, str) else json.dumps(event)
            # AWS added the attributes; they describe the failure.
            return _send_to(dead_letter, target, body, {})
        case "AWS::Lambda::Function":
            return Invoke(target=target, payload=event)
        case "AWS::StepFunctions::StateMachine":
            return Start(target=target, input=event, name=f"redrive-{dead_letter.message.id}")
        case "AWS::Logs::LogGroup":
            return WriteTo(target=target, event=event)
        case "AWS::SNS::Topic":
            return PublishTo(target=target, event=event)
    raise NotRedrivableError(f"a redrive does not know how to hand anything to {target}")


def _send_to(
    dead_letter: DeadLetter, target: Resource, body: str, attributes: Mapping[str, str]
) -> Action:
    if target.kind != QUEUE:
        raise NotRedrivableError(f"a redrive does not know how to hand a message to {target}")
    history = "\n".join(_error_history(dead_letter))[-MAX_HISTORY_LENGTH:]
    fifo = bool(target.properties.get("FifoQueue"))
    return SendTo(
        target=target,
        body=body,
        attributes={
            **attributes,
            REDRIVEN: str(dead_letter.redrive_count + 1),
            **({PREVIOUS_ERRORS: history} if history else {}),
        },
        group_id=dead_letter.message.group_id if fifo else "",
        deduplication_id=f"redrive-{dead_letter.message.id}" if fifo else "",
    )


def _invoke_with_notification(dead_letter: DeadLetter, target: Resource) -> Action:
    """Return the action for a message that SNS could not invoke a function with.

    AWS does not say whether the dead letter is the message, or has the notification around it.
    https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
    """
    match dead_letter.event:
        case {"Type": "Notification", "Message": str()} as notification:
            pass
        case _:
            notification = {"Type": "Notification", "Message": dead_letter.message.body}
    record = {"EventSource": "aws:sns", "Sns": notification}
    return Invoke(target=target, payload={"Records": [record]})


def _retry_batch(dead_letter: DeadLetter, route: FailureRoute) -> Action:
    target = _require_target(route)
    if not isinstance(dead_letter.event, dict):
        raise NotRedrivableError(f"its batch is no JSON object: {READ_IT}")
    if "payload" in dead_letter.report:
        return InvokeWithBatch(target=target, payload=dead_letter.event)
    if not _is_batch_pointer(dead_letter.event):
        raise NotRedrivableError("it has no complete pointer to records of a stream")
    filters = route.target_config.get("FilterCriteria", {}).get("Filters", [])
    return InvokeFromStream(
        target=target,
        batch=dead_letter.event,
        filters=[parse_json(each["Pattern"]) for each in filters],
    )


def _is_batch_pointer(batch: Mapping[str, Any]) -> bool:
    texts = all(isinstance(batch.get(name), str) for name in BATCH_POINTER_FIELDS)
    return texts and all(batch[name].isdecimal() for name in SEQUENCE_NUMBERS)


def _repair(dead_letter: DeadLetter, route: FailureRoute) -> Action:
    failed = dead_letter.report
    if route.source.kind != MACHINE:
        raise NotRedrivableError(f"{route.source} is no saga")
    if "record" in failed:
        return Repair(target=route.source, order=failed["record"])
    return Repair(
        target=route.source,
        order=str(failed["payload"].get("order_id", "")),
        compensation=failed["compensation"],
        function=failed["function"],
        payload=failed["payload"],
    )


def _with_history(dead_letter: DeadLetter) -> Any:
    """Add the history of failures to a stream record. The consumer keeps it if it fails again."""
    if not isinstance(dead_letter.event, dict):
        raise NotRedrivableError(f"it is no JSON object, and so no record: {READ_IT}")
    history = {"times": dead_letter.redrive_count + 1, PREVIOUS_ERRORS: _error_history(dead_letter)}
    return {**dead_letter.event, REDRIVEN: history}


def _error_history(dead_letter: DeadLetter) -> list[str]:
    return [reason for reason in (*dead_letter.previous_errors, dead_letter.error) if reason]


def _require_target(route: FailureRoute) -> Resource:
    if route.target is None:
        raise NotRedrivableError(
            f"{route.source} hands over to a resource that this environment does not have"
        )
    return route.target
