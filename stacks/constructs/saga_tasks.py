"""The tasks of a saga in Amazon States Language (JSONata): writes, calls, messages.

Each has a time-out and is tried again; its output is nothing, for the saga keeps what it needs in
variables: ``$data`` is the data of the event that started it, ``$sequence`` that event's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.commands import Refusal
from stacks.constructs.saga_steps import CommandCall, SagaRecord, Timeouts

CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"

State = dict[str, Any]

NOW = {"S": "{% $now() %}"}
EXECUTION_ID = "{% $states.context.Execution.Id %}"
NEXT_SEQUENCE = "#sequence = :sequence + if_not_exists(out_of_band_events, :none)"
"""The number of what the saga tells: counted from its event, and behind what others told since."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of the saga of one record."""

    record: SagaRecord
    repair_queue: str
    """Its URL."""
    timeouts: Timeouts

    def write_outcome(
        self, state: str, *, condition: str, remove: Sequence[str] = (), **columns: str
    ) -> State:
        """Write the outcome, under our claim; a second time it writes the same."""
        sets = [f", {name} = :{name}" for name in columns]
        removed = ", ".join(["open_shard", "check_after", *remove])
        return self.update(
            f"SET #state = :state, {NEXT_SEQUENCE}, changed_at = :now{''.join(sets)} REMOVE {removed}",
            condition=condition,
            values={
                ":initial": {"S": self.record.initial},
                ":state": {"S": state},
                **sequence_values(1),
                ":now": NOW,
                **{f":{name}": {"S": value} for name, value in columns.items()},
            },
        )

    def update(self, update: str, *, condition: str, values: dict[str, Any]) -> State:
        """A write of the record; ``state`` and ``sequence`` are words that DynamoDB reserves."""
        expressions = update + condition
        names = {f"#{name}": name for name in ("state", "sequence") if f"#{name}" in expressions}
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:updateItem",
            "Arguments": {
                "TableName": self.record.table.table_name,
                "Key": {self.record.key: {"S": f"{{% $data.{self.record.key} %}}"}},
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
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
        """Ask a function; a refusal is an answer, and not tried again."""
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": call.function.function_arn, "Payload": call.payload},
            "TimeoutSeconds": self.timeouts.call,
            "Retry": self._retry([refusal.__name__ for refusal in refusals], retries),
            "Output": {},
        }

    def dead_letter(self, call: CommandCall) -> State:
        """Send all that is needed to finish a compensation by command."""
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
        """Put a message of named JSONata expressions on the repair queue."""
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
        return [*([{"ErrorEquals": list(never), "MaxAttempts": 0}] if never else []), backoff]


def sequence_values(number: int) -> dict[str, Any]:
    """The values of NEXT_SEQUENCE, for what the saga tells as its ``number``."""
    return {":sequence": {"N": f"{{% $string($sequence + {number}) %}}"}, ":none": {"N": "0"}}


def _object(fields: dict[str, str]) -> str:
    """A JSONata object constructor of named expressions."""
    return "{" + ", ".join(f"'{name}': {source}" for name, source in fields.items()) + "}"
