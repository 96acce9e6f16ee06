"""The sinks of the templates, and what AWS and our functions would dead-letter there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.orders import OrderConfirmed
from lambdas.runtime.dead_letters import DeadLetterQueue
from ops.dlq.decode import RawMessage, decode
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.failure_sinks import FailureRoute, FailureSink, Mechanism
from ops.dlq.peek import SinkContents
from ops.dlq.readers import Depth
from ops.dlq.templates import DeployedStack, Resource, Templates
from tests.contracts.catalog import read, sample_of
from tests.support.doubles import ClientDouble
from tests.support.template_snapshots import snapshot_templates

AT = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ORDER = "6f1c7a40c0e04d0a9b1b5d1f0e3b6a11"
EVENT: Mapping[str, Any] = read(sample_of(OrderConfirmed))
ALERT = {
    "event": EVENT["detail-type"],
    "order_id": EVENT["detail"]["data"]["order_id"],
    "event_id": EVENT["detail"]["metadata"]["event_id"],
    "causation_id": EVENT["detail"]["metadata"]["causation_id"],
}
"""What the rule for operators makes of the event."""
BY_LAMBDA: Mapping[str, Any] = read(sample_of(CustomerNotified))
CONTEXT = {"requestId": "r", "condition": "RetriesExhausted", "approximateInvokeCount": 3}
ANSWER = {"errorType": "NoShipmentError", "errorMessage": "there is no shipment"}
BATCH = {
    "shardId": "shard-1",
    "startSequenceNumber": "100",
    "endSequenceNumber": "102",
    "approximateArrivalOfFirstRecord": "2026-12-01T08:00:00Z",
    "approximateArrivalOfLastRecord": "2026-12-01T08:00:01Z",
    "batchSize": 2,
    "streamArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026",
}
RECORD = {"dynamodb": {"SequenceNumber": "100", "NewImage": {"order_id": {"S": ORDER}}}}


REPLACED_FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:release"
"""A function that is not deployed any more."""


class FakeQueue(ClientDouble):
    """Keeps what a function dead-letters."""

    body = ""

    def send_message(self, **message: str) -> None:
        self.body = message["MessageBody"]


_ARNS = {
    "AWS::SQS::Queue": "https://sqs.eu-west-1.amazonaws.com/123456789012/{}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:eu-west-1:123456789012:stateMachine:{}",
    "AWS::SNS::Topic": "arn:aws:sns:eu-west-1:123456789012:{}",
    "AWS::Events::Rule": "Orders|{}",
    "AWS::Logs::LogGroup": "/aws/events/{}",
}


@cache
def templates(environment: str = "dev") -> Templates:
    """The templates of an environment, as if they were deployed."""
    return Templates(
        {
            name: DeployedStack(
                template,
                {
                    id: _ARNS.get(declared["Type"], "{}").format(f"{name}-{id}")
                    for id, declared in template["Resources"].items()
                },
            )
            for name, template in snapshot_templates(environment).items()
        }
    )


@cache
def sinks(environment: str = "dev") -> Sequence[FailureSink]:
    return find_failure_sinks(templates(environment))


def sink(name: str) -> FailureSink:
    (found,) = (sink for sink in sinks() if sink.name == name)
    return found


def named(name: str) -> Resource:
    (found,) = (resource for resource in templates().resources() if resource.name == name)
    return found


def arn(resource: Resource) -> str:
    """Return the ARN as AWS writes it into a dead letter."""
    start = "arn:aws:{}:eu-west-1:123456789012"
    match resource.kind:
        case "AWS::Lambda::Function":
            return f"{start.format('lambda')}:function:{resource.physical}:$LATEST"
        case "AWS::Events::Rule":
            return f"{start.format('events')}:rule/{resource.physical.replace('|', '/')}"
        case "AWS::SQS::Queue":
            return f"{start.format('sqs')}:{resource.physical.rpartition('/')[2]}"
    return f"{start.format('any')}:{resource.physical}"


def message(
    body: Any,
    attributes: Mapping[str, str] = MappingProxyType({}),
    *,
    id: str = "m1",
    fifo: bool = False,
) -> RawMessage:
    return RawMessage(
        id=id,
        body=body if isinstance(body, str) else json.dumps(body),
        sent_at=AT,
        receipt_handle=f"handle-{id}",
        attributes=attributes,
        group_id="g" if fifo else "",
    )


def _matching(rule: Resource) -> Mapping[str, Any]:
    """Return an event that the rule matches, as far as a redrive is concerned."""
    via_destination = rule.properties["EventPattern"].get("source") == ["lambda"]
    return BY_LAMBDA if via_destination else EVENT


def dead_lettered_by(route: FailureRoute, sink: FailureSink, *, id: str = "m1") -> RawMessage:
    """Return what this route dead-letters, by AWS's documentation or our own code."""
    fifo = sink.is_fifo
    body = {"source": EVENT["source"], "detail_type": "OrderConfirmed", **EVENT["detail"]}
    function = arn(route.target) if route.target else ""
    envelope = {"version": "1.0", "timestamp": "2026-12-01T09:00:00Z",
                "requestContext": {**CONTEXT, "functionArn": function}}  # fmt: skip
    match route.mechanism:
        case Mechanism.RULE | Mechanism.SCHEDULE:
            assert route.target is not None
            said = {
                f"{route.mechanism.name}_ARN": arn(route.source),
                "TARGET_ARN": arn(route.target),
                "ERROR_CODE": "NO_PERMISSIONS",
                "ERROR_MESSAGE": "it may not",
                "RETRY_ATTEMPTS": "0",
            }
            if route.mechanism is Mechanism.RULE:
                return message(_matching(route.source), said, id=id)
            return message("{}", {**said, "SCHEDULED_TIME": "2026-12-01T09:00:00Z"}, id=id)
        case Mechanism.DESTINATION:
            whole = {**envelope, "requestPayload": EVENT, "responsePayload": ANSWER}
            return message(whole, id=id)
        case Mechanism.FUNCTION_DLQ:
            said = {"RequestID": "r", "ErrorCode": "200", "ErrorMessage": "no"}
            return message(EVENT, said, id=id)
        case Mechanism.STREAM_MAPPING if sink.resource.kind == "AWS::S3::Bucket":
            payload = json.dumps({"Records": [{"kinesis": {"sequenceNumber": "1"}}]})
            return message({**envelope, "KinesisBatchInfo": BATCH, "payload": payload}, id=id)
        case Mechanism.STREAM_MAPPING:
            return message({**envelope, "DDBStreamBatchInfo": BATCH}, id=id)
        case Mechanism.CONSUMER if fifo:
            return message(body, {"reason": "it makes no sense"}, id=id, fifo=True)
        case Mechanism.CONSUMER if sink.routes_by(Mechanism.DESTINATION):
            sqs = FakeQueue()
            DeadLetterQueue("url", sqs=sqs).send_event(EVENT, reason="it makes no sense")
            return message(sqs.body, id=id)
        case Mechanism.CONSUMER:
            return message({"reason": "it makes no sense", "record": RECORD}, id=id)
        case Mechanism.SAGA:
            return compensation(route.source, id=id)
    if route.mechanism is Mechanism.REDRIVE_POLICY:
        return _from(message(body, id=id, fifo=fifo), arn(route.source))
    return message(body, id=id, fifo=fifo)


def of_event(letter: RawMessage, event_id: str) -> RawMessage:
    """Return the same dead letter of another event."""
    sample: str = EVENT["detail"]["metadata"]["event_id"]
    return replace(letter, body=letter.body.replace(sample, event_id))


def compensation(
    machine: Resource, *, order: str = ORDER, id: str = "m1", function: str = REPLACED_FUNCTION
) -> RawMessage:
    return message(
        {
            "compensation": "ReleaseStock",
            "function": function,
            "payload": {"order_id": order},
            "error": {"Error": "NoStockError", "Cause": json.dumps({"errorMessage": "no stock"})},
            "execution": f"arn:aws:states:eu-west-1:123456789012:execution:{_name(machine)}:e1",
        },
        id=id,
    )


def outcome(machine: Resource, *, write: str = "Reject") -> RawMessage:
    return message(
        {
            "record": ORDER,
            "write": write,
            "error": {"Error": "DynamoDB.ThrottlingException", "Cause": "too fast"},
            "execution": f"arn:aws:states:eu-west-1:123456789012:execution:{_name(machine)}:e1",
        }
    )


def _name(resource: Resource) -> str:
    return resource.physical.rpartition(":")[2]


def _from(message: RawMessage, source: str) -> RawMessage:
    return RawMessage(
        id=message.id,
        body=message.body,
        sent_at=message.sent_at,
        receipt_handle=message.receipt_handle,
        group_id=message.group_id,
        source_queue_arn=source,
    )


def twins() -> list[SinkContents]:
    """Return what Lambda wrote of one failed invocation: the event, and the record of it."""
    found = []
    for name in (
        "notifications/NotifyCustomerDeadLetters",
        "notifications/NotifyCustomerFailureRecords",
    ):
        at = sink(name)
        by_lambda = (Mechanism.FUNCTION_DLQ, Mechanism.DESTINATION)
        route = next(route for route in at.routes if route.mechanism in by_lambda)
        letter = decode(dead_lettered_by(route, at, id=name), at)
        depth = Depth(visible=1, in_flight=0, measured_at=AT)
        found.append(SinkContents(sink=at, depth=depth, dead_letters=[letter]))
    return found
