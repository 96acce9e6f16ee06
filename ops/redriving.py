"""What a redrive does with a record: the action that hands it to whoever failed at it.

Nothing goes to where it has no effect any more, and nothing past the consumer: it gets what it got
before, in the way it got it, and parks it again if it fails again.

Its history goes along where there is room beside the message: in attributes on a queue, in a record
of a stream that a function parks by itself. An event for a function, a state machine, a topic or
a log goes as it was, so if it is parked again it looks like new.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.places import FUNCTION, MACHINE, QUEUE, Feed, How, Place, Resource
from ops.records import EARLIER, ERROR, REDRIVEN, Record, parsed

POINTER = {"streamArn", "shardId", "startSequenceNumber", "endSequenceNumber"}
HISTORY_LETTERS = 1_000
"""So much of the earlier reasons is kept, the latest: a message has a limit to its size."""


class CannotBeMovedError(Exception):
    """There is no way back for a record; the message says why, and what a person may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What is done with a record; ``to`` is who gets it."""

    to: Resource

    def __str__(self) -> str:
        verb = re.sub(r"([A-Z])", r" \1", type(self).__name__).strip().lower()
        return f"{verb} {self.to}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTo(Action):
    """Send a message to a queue.

    In a FIFO queue it goes into its ``group``, under a deduplication id of its own: under the one
    it first came with the queue may still know it, and take it without keeping it. The id is made
    of the parked message's, so that a redrive that is interrupted and run again sends it once.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
    """

    body: str
    attributes: Mapping[str, str]
    group: str = ""
    deduplication: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Action):
    """Invoke a function asynchronously, as EventBridge and Scheduler do."""

    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWithBatch(Action):
    """Invoke a function with records of a stream and see what it answers, as a mapping does."""

    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFromStream(Action):
    """The same with records that are still to be read from the stream.

    ``batch`` says which: ``streamArn``, ``shardId``, ``startSequenceNumber`` and
    ``endSequenceNumber``; of these the function gets what one of ``filters`` lets through.
    """

    batch: Mapping[str, Any]
    filters: Sequence[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Action):
    """Start a state machine, under a ``name`` by which a second start is no second execution."""

    input: Any
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOn(Action):
    """Put a record on a stream."""

    data: Any
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn(Action):
    """Write an event into a log group."""

    event: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOn(Action):
    """Publish an event on a topic."""

    event: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair(Action):
    """Call a compensation, see that it succeeds, and have its order know.

    Or, without a ``compensation``, see whether the order that could not be written has come to its
    end since. ``to`` is the saga.
    """

    order: str
    compensation: str = ""
    function: str = ""
    payload: Any = field(default_factory=dict)


def fed_by(record: Record, place: Place) -> Feed | None:
    """Who parked a record in a place, if that is still deployed and can be told."""
    if record.how is None:
        return None
    execution = record.envelope.get("execution")
    parked_by = record.message.attributes.get("RULE_ARN") or execution or record.where
    return place.feed(record.how, str(parked_by))


def plan(record: Record, place: Place) -> Action:
    """How to put a record back.

    Raises:
        CannotBeMovedError: there is no way, or none that anybody can tell.
    """
    if record.how is None:
        raise CannotBeMovedError("nobody can tell where it came from: read it with show --raw")
    feed = fed_by(record, place)
    if feed is None:
        raise CannotBeMovedError(f"{record.where or place.name} is no longer deployed")
    if record.message.attributes.get("IS_PAYLOAD_TRUNCATED") == "true":
        raise CannotBeMovedError("Scheduler kept only the beginning of it")
    match record.how:
        case How.RULE:
            return _to_target(record, feed)
        case How.MAPPING:
            return _to_mapping(record, feed)
        case How.SAGA:
            return _repair(record, feed)
        case How.ITSELF if "event" in record.envelope:
            return _handed(record, _receiver(feed), record.event)
        case How.ITSELF if _receiver(feed).kind == FUNCTION:
            return CallWithBatch(to=_receiver(feed), payload={"Records": [_with_history(record)]})
        case How.DESTINATION | How.DEAD_LETTERS | How.SCHEDULE:
            return _handed(record, _receiver(feed), record.event)
    said = {"reason", *(ERROR if record.how is How.SUBSCRIPTION else ())}
    own = {name: text for name, text in record.message.attributes.items() if name not in said}
    return _sent(record, _receiver(feed), record.message.body, own)


def _to_target(record: Record, feed: Feed) -> Action:
    """To a rule's target, with what the rule gives it of the event."""
    event, target = record.event, feed.target
    whole = isinstance(event, dict) and "detail-type" in event
    given = _given(event, target) if whole else event
    to = _receiver(feed)
    if to.kind == "AWS::Kinesis::Stream":
        path = target.get("KinesisParameters", {}).get("PartitionKeyPath", "$.id")
        return PutOn(to=to, data=given, key=str(_at(event, path)))
    return _handed(record, to, given)


def _handed(record: Record, to: Resource, event: Any) -> Action:
    match to.kind:
        case "AWS::SQS::Queue":
            body = event if isinstance(event, str) else json.dumps(event)
            # What stands beside it is what AWS said of it.
            return _sent(record, to, body, {})
        case "AWS::Lambda::Function":
            return Call(to=to, payload=event)
        case "AWS::StepFunctions::StateMachine":
            return Start(to=to, input=event, name=f"redrive-{record.message.id}")
        case "AWS::Logs::LogGroup":
            return LogIn(to=to, event=event)
        case "AWS::SNS::Topic":
            return PublishOn(to=to, event=event)
    raise CannotBeMovedError(f"a redrive does not know how to hand anything to {to}")


def _sent(record: Record, to: Resource, body: str, attributes: Mapping[str, str]) -> Action:
    if to.kind != QUEUE:
        raise CannotBeMovedError(f"a redrive does not know how to hand a message to {to}")
    history = "\n".join(_reasons(record))[-HISTORY_LETTERS:]
    fifo = bool(to.properties.get("FifoQueue"))
    return SendTo(
        to=to,
        body=body,
        attributes={
            **attributes,
            REDRIVEN: str(record.redriven + 1),
            **({EARLIER: history} if history else {}),
        },
        group=record.message.group if fifo else "",
        deduplication=f"redrive-{record.message.id}" if fifo else "",
    )


def _to_mapping(record: Record, feed: Feed) -> Action:
    to = _receiver(feed)
    if "payload" in record.envelope:
        return CallWithBatch(to=to, payload=record.event)
    if not record.event.keys() >= POINTER:
        raise CannotBeMovedError("it does not say which records of which stream it means")
    filters = feed.target.get("FilterCriteria", {}).get("Filters", [])
    return CallFromStream(
        to=to, batch=record.event, filters=[parsed(each["Pattern"]) for each in filters]
    )


def _repair(record: Record, feed: Feed) -> Action:
    parked = record.envelope
    if feed.source.kind != MACHINE:
        raise CannotBeMovedError(f"{feed.source} is no saga")
    if "record" in parked:
        return Repair(to=feed.source, order=parked["record"])
    return Repair(
        to=feed.source,
        order=str(parked["payload"].get("order_id", "")),
        compensation=parked["compensation"],
        function=parked["function"],
        payload=parked["payload"],
    )


def _with_history(record: Record) -> Any:
    """A stream's record with its history in it, where a function leaves it that parks it again."""
    history = {"times": record.redriven + 1, EARLIER: _reasons(record)}
    return {**record.event, REDRIVEN: history}


def _reasons(record: Record) -> list[str]:
    return [reason for reason in (*record.earlier, record.why) if reason]


def _receiver(feed: Feed) -> Resource:
    if feed.to is None:
        raise CannotBeMovedError(f"{feed.source} hands over to what this environment has not")
    return feed.to


def _given(event: Mapping[str, Any], target: Mapping[str, Any]) -> Any:
    """What a target gets of an event.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    if "Input" in target:
        return parsed(target["Input"])
    if "InputPath" in target:
        return _at(event, target["InputPath"])
    if "InputTransformer" in target:
        raise CannotBeMovedError("its rule transforms events, which a redrive does not know how to")
    return event


def _at(event: Any, path: str) -> Any:
    """What is at a path such as ``$.detail.metadata.subject``."""
    found = event
    for name in path.removeprefix("$").strip(".").split("."):
        if name and (not isinstance(found, dict) or name not in found):
            raise CannotBeMovedError(f"the event has no {path}, which its rule wants")
        found = found[name] if name else found
    return found
