"""Executes the actions that ``ops.dlq.plan`` plans."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import singledispatchmethod
from typing import Any

from lambdas.contracts.order_states import UNDONE_STATES
from ops.dlq.plan import (
    Action,
    Invoke,
    InvokeFromStream,
    InvokeWithBatch,
    PublishTo,
    PutOn,
    Repair,
    SendTo,
    Start,
    WriteTo,
)
from ops.dlq.stream_records import StreamReadError, read_changes


class ActionFailedError(Exception):
    """The target failed again, or could not be reached. The message says why."""

    def __init__(self, why: str, *, error: str = "") -> None:
        """``error`` is the name of the error that a function raised."""
        super().__init__(f"{error}: {why}" if error else why)
        self.why = why
        self.error = error


@dataclass(frozen=True, slots=True)
class ActionExecutor:
    """Executes actions, one at a time. An action is done when ``execute`` returns."""

    client: Callable[[str], Any]
    """Makes boto3's client of a service."""
    mark_compensation_completed: Callable[[], str]
    """Returns the name of orders' function that marks a compensation as completed."""

    @singledispatchmethod
    def execute(self, action: Action) -> None:
        """Execute an action.

        Raises:
            ActionFailedError: the target failed again. The dead letter must stay in its sink.
        """
        raise TypeError(f"unknown action: {action}")

    @execute.register
    def _(self, action: SendTo) -> None:
        numbers = ("redriven",)
        self.client("sqs").send_message(
            QueueUrl=action.target.physical,
            MessageBody=action.body,
            MessageAttributes={
                name: {"DataType": "Number" if name in numbers else "String", "StringValue": value}
                for name, value in action.attributes.items()
            },
            **(
                {
                    "MessageGroupId": action.group_id,
                    "MessageDeduplicationId": action.deduplication_id,
                }
                if action.deduplication_id
                else {}
            ),
        )

    @execute.register
    def _(self, action: Invoke) -> None:
        self.client("lambda").invoke(
            FunctionName=action.target.physical,
            InvocationType="Event",
            Payload=json.dumps(action.payload).encode(),
        )

    @execute.register
    def _(self, action: InvokeWithBatch) -> None:
        self._invoke_with_batch(action.target.physical, action.payload)

    @execute.register
    def _(self, action: InvokeFromStream) -> None:
        try:
            records = read_changes(
                self.client("dynamodbstreams"), action.batch, filters=action.filters
            )
        except StreamReadError as error:
            raise ActionFailedError(str(error)) from error
        self._invoke_with_batch(action.target.physical, {"Records": records})

    @execute.register
    def _(self, action: Start) -> None:
        machines = self.client("stepfunctions")
        # The execution exists if an interrupted redrive has started it.
        with suppress(machines.exceptions.ExecutionAlreadyExists):
            machines.start_execution(
                stateMachineArn=action.target.physical,
                input=json.dumps(action.input),
                name=action.name,
            )

    @execute.register
    def _(self, action: PutOn) -> None:
        self.client("kinesis").put_record(
            StreamName=action.target.physical,
            Data=json.dumps(action.data).encode(),
            PartitionKey=action.key,
        )

    @execute.register
    def _(self, action: WriteTo) -> None:
        logs = self.client("logs")
        stream = f"redriven-{datetime.now(UTC):%Y-%m-%d}"
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=action.target.physical, logStreamName=stream)
        logs.put_log_events(
            logGroupName=action.target.physical,
            logStreamName=stream,
            logEvents=[{"timestamp": int(time.time() * 1000), "message": json.dumps(action.event)}],
        )

    @execute.register
    def _(self, action: PublishTo) -> None:
        self.client("sns").publish(
            TopicArn=action.target.physical, Message=json.dumps(action.event)
        )

    @execute.register
    def _(self, action: Repair) -> None:
        # An order that has ended does not change, so its state can be checked before the call.
        order = self._invoke(self.mark_compensation_completed(), {"order_id": action.order})
        if not (isinstance(order, Mapping) and "finished" in order):
            raise ActionFailedError(f"orders returned no state of order {action.order}: {order!r}")
        state = order.get("state")
        if not order["finished"]:
            raise ActionFailedError(
                f"order {action.order} is {state}: its saga works on it, or is started"
                " again when its claim expires; try again when the order has ended"
            )
        if not action.compensation:
            return
        if state not in UNDONE_STATES:
            raise ActionFailedError(
                f"order {action.order} is {state}: it is not undone, so {action.compensation} must"
                " not be called; the dead letter is out of date and may be purged"
            )
        self._invoke(self._function_of(action), action.payload)
        repaired = {"order_id": action.order, "compensation": action.compensation}
        self._invoke(self.mark_compensation_completed(), repaired)

    def _function_of(self, action: Repair) -> str:
        """Return the function that the deployed saga calls for a compensation.

        The function that the dead letter names may have been replaced since. It is called if the
        compensation has another name by now, but only if the saga still undoes something with it:
        those who may send to the queue must not choose a function for the operator to call, and
        none of the saga's actions either. They could take a payment for an order that is undone.

        Raises:
            ActionFailedError: the saga undoes nothing with either.
        """
        described = self.client("stepfunctions").describe_state_machine(
            stateMachineArn=action.target.physical
        )
        states = json.loads(described["definition"])["States"]
        # Only compensations are dead-lettered, each by a state of its own.
        functions = {
            name: state["Arguments"]["FunctionName"]
            for name, state in states.items()
            if f"DeadLetter{name}" in states
        }
        if action.compensation in functions:
            return str(functions[action.compensation])
        if action.function in functions.values():
            return action.function
        raise ActionFailedError(
            f"the saga has no compensation {action.compensation} by now, and undoes nothing with"
            f" {action.function}"
        )

    def _invoke_with_batch(self, function: str, payload: Any) -> None:
        answer = self._invoke(function, payload)
        # An empty result, and an empty list in it, mean that all records were processed.
        # https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
        answer = {} if answer is None else answer
        failed = answer.get("batchItemFailures") or [] if isinstance(answer, Mapping) else None
        if not isinstance(failed, list):
            raise ActionFailedError(f"the function returned no result of a batch: {answer!r}")
        if failed:
            raise ActionFailedError(f"the function failed on {len(failed)} of the records again")

    def _invoke(self, function: str, payload: Any) -> Any:
        return invoke_function(self.client("lambda"), function, payload)


def invoke_function(lambda_: Any, function: str, payload: Any) -> Any:
    """Invoke a function and return its result; ``lambda_`` is boto3's client.

    Raises:
        ActionFailedError: the function failed.
    """
    called = lambda_.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
    content = json.loads(called["Payload"].read() or b"null")
    if "FunctionError" in called:
        error = content if isinstance(content, Mapping) else {}
        why, name = str(error.get("errorMessage")), str(error.get("errorType"))
        raise ActionFailedError(why, error=name)
    return content
