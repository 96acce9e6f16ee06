"""Hands records to whoever failed at them, as ``ops.redriving`` planned."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import singledispatchmethod
from typing import Any

from lambdas.orders.domain import UNDONE_STATES
from ops.redriving import (
    Action,
    Call,
    CallFromStream,
    CallWithBatch,
    LogIn,
    PublishOn,
    PutOn,
    Repair,
    SendTo,
    Start,
)
from ops.streams import ReadError, read_changes


class NotDoneError(Exception):
    """Whoever got the record failed at it again, or did not get it; the message says why."""


@dataclass(frozen=True, slots=True)
class Mover:
    """Does what was planned, one action at a time; it is done when ``do`` returns.

    ``client`` makes boto3's client of a service; ``mark_compensation_completed`` is the name of orders' function
    that marks a compensation as done.
    """

    client: Callable[[str], Any]
    mark_compensation_completed: Callable[[], str]

    @singledispatchmethod
    def do(self, action: Action) -> None:
        """Do it.

        Raises:
            NotDoneError: it failed again; the record is to stay where it is.
        """
        raise TypeError(f"nobody knows how to {action}")

    @do.register
    def _(self, action: SendTo) -> None:
        numbers = ("redriven",)
        self.client("sqs").send_message(
            QueueUrl=action.to.physical,
            MessageBody=action.body,
            MessageAttributes={
                name: {"DataType": "Number" if name in numbers else "String", "StringValue": value}
                for name, value in action.attributes.items()
            },
            **(
                {
                    "MessageGroupId": action.group,
                    "MessageDeduplicationId": action.deduplication,
                }
                if action.deduplication
                else {}
            ),
        )

    @do.register
    def _(self, action: Call) -> None:
        self.client("lambda").invoke(
            FunctionName=action.to.physical,
            InvocationType="Event",
            Payload=json.dumps(action.payload).encode(),
        )

    @do.register
    def _(self, action: CallWithBatch) -> None:
        self._succeed_with_batch(action.to.physical, action.payload)

    @do.register
    def _(self, action: CallFromStream) -> None:
        try:
            records = read_changes(
                self.client("dynamodbstreams"), action.batch, filters=action.filters
            )
        except ReadError as error:
            raise NotDoneError(str(error)) from error
        self._succeed_with_batch(action.to.physical, {"Records": records})

    @do.register
    def _(self, action: Start) -> None:
        machines = self.client("stepfunctions")
        # It does if a redrive that was interrupted had started it.
        with suppress(machines.exceptions.ExecutionAlreadyExists):
            machines.start_execution(
                stateMachineArn=action.to.physical,
                input=json.dumps(action.input),
                name=action.name,
            )

    @do.register
    def _(self, action: PutOn) -> None:
        self.client("kinesis").put_record(
            StreamName=action.to.physical,
            Data=json.dumps(action.data).encode(),
            PartitionKey=action.key,
        )

    @do.register
    def _(self, action: LogIn) -> None:
        logs = self.client("logs")
        stream = f"redriven-{datetime.now(UTC):%Y-%m-%d}"
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=action.to.physical, logStreamName=stream)
        logs.put_log_events(
            logGroupName=action.to.physical,
            logStreamName=stream,
            logEvents=[{"timestamp": int(time.time() * 1000), "message": json.dumps(action.event)}],
        )

    @do.register
    def _(self, action: PublishOn) -> None:
        self.client("sns").publish(TopicArn=action.to.physical, Message=json.dumps(action.event))

    @do.register
    def _(self, action: Repair) -> None:
        # What an order is once it has ended, it stays: it may be asked first, and then undone.
        order = self._answer(self.mark_compensation_completed(), {"order_id": action.order})
        if not order["finished"]:
            raise NotDoneError(
                f"order {action.order} is {order['state']}: its saga is at it, or begins again"
                " when its lease has run out; come back when it has ended"
            )
        if not action.compensation:
            return
        if order["state"] not in UNDONE_STATES:
            raise NotDoneError(
                f"order {action.order} is {order['state']}: it stands, and {action.compensation}"
                " would undo it; what is parked is out of date, and may be deleted"
            )
        self._answer(action.function, action.payload)
        repaired = {"order_id": action.order, "compensation": action.compensation}
        self._answer(self.mark_compensation_completed(), repaired)

    def _succeed_with_batch(self, function: str, payload: Any) -> None:
        answer = self._answer(function, payload)
        failed = (answer or {}).get("batchItemFailures")
        if failed:
            raise NotDoneError(f"the function failed at {len(failed)} of the records again")

    def _answer(self, function: str, payload: Any) -> Any:
        return answer(self.client("lambda"), function, payload)


def answer(lambda_: Any, function: str, payload: Any) -> Any:
    """What a function answers; ``lambda_`` is boto3's client.

    Raises:
        NotDoneError: it failed.
    """
    called = lambda_.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
    content = json.loads(called["Payload"].read() or b"null")
    if "FunctionError" in called:
        error = content if isinstance(content, Mapping) else {}
        raise NotDoneError(f"{error.get('errorType')}: {error.get('errorMessage')}")
    return content
