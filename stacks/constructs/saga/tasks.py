"""The tasks of a saga in Amazon States Language (JSONata): writes, calls and messages.

Each task has a time-out and retries. Its output is empty, because the saga keeps what it needs in
variables: ``$data`` is the data of the event that started it, ``$sequence`` that event's sequence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.commands import Refusal
from stacks.constructs.saga.model import CommandCall, RecordColumns, SagaRecord, Timeouts

CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"
EXPRESSION_FAILED = "States.QueryEvaluationError"
"""A JSONata expression has no value, or an assertion in it does not hold.
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

State = dict[str, Any]

NOW = {"S": "{% $now() %}"}
EXECUTION_ID = "{% $states.context.Execution.Id %}"


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of a saga, for one kind of record."""

    record: SagaRecord
    repair_queue: str
    """The queue's URL."""
    timeouts: Timeouts

    @property
    def columns(self) -> RecordColumns:
        """The record's columns."""
        return self.record.columns

    @property
    def next_sequence(self) -> str:
        """The assignment of the next sequence number; see ``sequence_values``.

        It is the sequence of the event that started the saga, plus the out-of-band events since,
        plus one.
        """
        return f"#sequence = :sequence + if_not_exists({self.columns.out_of_band_events}, :none)"

    @property
    def shard(self) -> str:
        """JSONata for the record's shard in an index: the first character of its key."""
        return f"{{% $substring($data.{self.columns.key}, 0, 1) %}}"

    @property
    def completed_shard(self) -> str:
        """JSONata for a completed record's shard in the index of records to be checked."""
        shard = f"$substring($data.{self.columns.key}, 0, 1)"
        return f"{{% '{self.record.completed_shard}' & {shard} %}}"

    @staticmethod
    def time_after(seconds: str) -> dict[str, str]:
        """Return the JSONata expression for the time that is ``seconds`` from now (UTC, ISO 8601).

        ``seconds`` is a JSONata expression, too.
        """
        return {"S": f"{{% $fromMillis($millis() + $floor(1000 * ({seconds}))) %}}"}

    @property
    def owns_claim(self) -> str:
        """The condition that this execution holds the claim."""
        return f"{self.columns.claim_owner} = :me"

    @property
    def keep_reason(self) -> tuple[str, dict[str, Any]]:
        """The assignments that record the reason, and their values.

        A reason that is recorded already stays, such as that of a cancellation request.
        """
        columns = {self.columns.reason: "reason", self.columns.explanation: "explanation"}
        return (
            "".join(f", {column} = if_not_exists({column}, :{column})" for column in columns),
            {f":{column}": {"S": f"{{% ${value} %}}"} for column, value in columns.items()},
        )

    def write_outcome(
        self,
        state: str,
        *,
        condition: str,
        remove: Sequence[str] = (),
        columns: Mapping[str, str] | None = None,
        also: str = "",
    ) -> State:
        """Write the outcome, if this execution holds the claim.

        ``remove`` are more columns to remove, ``columns`` more to set, ``also`` more assignments.
        """
        more = columns or {}
        sets = "".join(f", {name} = :{name}" for name in more)
        removed = ", ".join([*self.columns.waiting, *remove])
        return self.update(
            f"SET #state = :state, {self.next_sequence}, {self.columns.changed_at} = :now"
            f"{sets}{also} REMOVE {removed}",
            condition=condition,
            values={
                ":initial": {"S": self.record.initial},
                ":state": {"S": state},
                **sequence_values(1),
                ":now": NOW,
                **{f":{name}": {"S": value} for name, value in more.items()},
            },
        )

    def update(self, update: str, *, condition: str, values: dict[str, Any]) -> State:
        """Write the record, if ``condition`` holds.

        The placeholders ``#state`` and ``#sequence`` are for words that DynamoDB reserves.
        """
        expressions = update + condition
        reserved = {"#state": self.columns.state, "#sequence": self.columns.sequence}
        key = self.columns.key
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:updateItem",
            "Arguments": {
                "TableName": self.record.table.table_name,
                "Key": {key: {"S": f"{{% $data.{key} %}}"}},
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": {
                    name: column for name, column in reserved.items() if name in expressions
                },
                "ExpressionAttributeValues": {
                    ":me": {"S": EXECUTION_ID},
                    **values,
                },
            },
            "TimeoutSeconds": self.timeouts.write,
            "Retry": self._retry([CONDITION_FAILED], self.timeouts.write_retries),
            "Output": {},
        }

    def call(
        self, call: CommandCall, retries: int, refusals: Sequence[type[Refusal]] = ()
    ) -> State:
        """Call a function. A refusal is an answer and is not retried."""
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": call.function.function_arn, "Payload": call.payload},
            "TimeoutSeconds": self.timeouts.call,
            "Retry": self._retry([refusal.__name__ for refusal in refusals], retries),
            "Output": {},
        }

    def dead_letter(self, call: CommandCall) -> State:
        """Send a compensation, with all that is needed to finish it, to the repair queue."""
        return self.send(
            {
                "compensation": f"'{call.name}'",
                "function": f"'{call.function.function_arn}'",
                "payload": _object(call.fields),
                "error": "$error",
                "execution": "$states.context.Execution.Id",
            }
        )

    def send(self, message: dict[str, str]) -> State:
        """Send a message to the repair queue; its values are JSONata expressions."""
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Arguments": {
                "QueueUrl": self.repair_queue,
                "MessageBody": f"{{% $string({_object(message)}) %}}",
            },
            "TimeoutSeconds": self.timeouts.write,
            "Retry": self._retry([], self.timeouts.write_retries),
            "Output": {},
        }

    def _retry(self, never: Sequence[str], attempts: int) -> list[State]:
        backoff = {
            "ErrorEquals": ["States.ALL"],
            "IntervalSeconds": 1,
            "BackoffRate": 2,
            "MaxDelaySeconds": self.timeouts.max_delay,
            "JitterStrategy": "FULL",
            "MaxAttempts": attempts,
        }
        # An expression fails in the same way each time.
        return [{"ErrorEquals": [EXPRESSION_FAILED, *never], "MaxAttempts": 0}, backoff]


def sequence_values(number: int) -> dict[str, Any]:
    """Return the values of ``next_sequence`` for the ``number``-th event that the saga causes."""
    return {":sequence": {"N": f"{{% $string($sequence + {number}) %}}"}, ":none": {"N": "0"}}


def _object(fields: dict[str, str]) -> str:
    """Return a JSONata object constructor with these names and expressions."""
    return "{" + ", ".join(f"'{name}': {source}" for name, source in fields.items()) + "}"
