"""The declaration of a saga: its steps, its record and its time-outs."""

from dataclasses import dataclass
from typing import get_origin

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_

from lambdas.contracts.codec import field_types, split_bounds
from lambdas.contracts.commands import Command, Refusal

EXPRESS_MAX_SECONDS = 300
"""An Express workflow is cut off after five minutes.
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCall:
    """A call of a function with a command."""

    command: type[Command]
    function: lambda_.IFunction

    @property
    def name(self) -> str:
        """The name of the state that makes the call: the name of the command's class."""
        return self.command.__name__

    @property
    def payload(self) -> dict[str, str]:
        """The command's fields, taken from the data of the event that started the saga."""
        return {field: f"{{% {source} %}}" for field, source in self.fields.items()}

    @property
    def fields(self) -> dict[str, str]:
        """The command's fields as JSONata expressions over the event's data.

        An array is in brackets, because JSONata turns an array of one into its only element.
        https://docs.jsonata.org/processing#sequences
        """
        plain = {name: split_bounds(kind)[0] for name, kind in field_types(self.command).items()}
        return {
            field: f"[$data.{field}]" if get_origin(kind) is tuple else f"$data.{field}"
            for field, kind in plain.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStep:
    """An action, its refusals, and the compensation that undoes it."""

    action: CommandCall
    refusals: tuple[type[Refusal], ...]
    """The refusals with which the action may answer."""
    compensation: CommandCall
    already_compensated: tuple[type[Refusal], ...] = ()
    """The action's refusals when its compensation came first: the step was undone already.

    No execution of this saga did it: each records the reason before it undoes a step, and a later
    one that finds a reason begins with the compensations. Somebody else undid the step and left no
    reason for the customer, so it is a technical failure.
    """
    irreversible: tuple[type[Refusal], ...] = ()
    """The compensation's refusals when the action can no longer be undone; only for the last step.

    Nothing else is undone until that compensation has answered.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordColumns:
    """The columns of the record that a saga reads and writes."""

    key: str
    state: str
    sequence: str
    """The number of events published for the record."""
    changed_at: str
    reason: str
    """Why the record is undone; a cancellation request sets it, and ``explanation``, too."""
    explanation: str
    claim_owner: str
    """The execution that has the claim."""
    claim_until: str
    """When the claim expires, in seconds since 1970."""
    claimed_by: str
    """The set of executions that had the claim."""
    cancel_requested_at: str
    """Present once a cancellation is requested."""
    failed_compensations: str
    """The list of compensations that failed for good."""
    out_of_band_events: str
    """The number of events that others published since the event that started the saga.

    Others may publish events of the record if they count them here and in ``sequence``.
    """
    open_shard: str
    """The partition key of a sparse index of open records."""
    check_after: str
    """Its sort key: when an open record is looked at again."""
    closed_shard: str
    """The key of a sparse index of closed records: the first letter of the record's key."""
    dedup_bucket: str
    """The key of a sparse index of records that may repeat each other; none that was undone does.
    """
    deferred_shard: str
    """The key of a sparse index of deferred records: the first letter of the record's key."""
    deferred_since: str
    """When the record was deferred first."""
    deferred_step: str
    """The state that the saga waits for."""
    deferred_error: str
    """How that state failed last."""
    deferrals: str
    """How often the record was deferred."""
    attention_requested_at: str
    """When an operator's attention was requested, because the record is open for too long."""

    @property
    def waiting(self) -> tuple[str, ...]:
        """The columns that an open record has only while it waits. The outcome removes them."""
        return (
            self.deferred_shard,
            self.deferred_since,
            self.deferred_step,
            self.deferred_error,
            self.deferrals,
            self.attention_requested_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaRecord:
    """The record that a saga claims and decides, with its states."""

    table: dynamodb.ITableV2
    columns: RecordColumns
    initial: str
    """The state in which a saga claims the record."""
    compensated: str
    """The state once everything is undone."""
    completed: str = ""
    """The state once every action is done. Without it the saga has only compensations."""
    cancelled: str = ""
    """The state once everything is undone because a cancellation was requested."""
    irreversible: str = ""
    """The state when undoing came too late and everything stays as it is."""
    completed_check: int | None = None
    """How many seconds after its completion a record is looked at again; None means never."""
    completed_shard: str = ""
    """The prefix of the shard of completed records, which separates them from open ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The time limits of a saga, in seconds, and its numbers of retries.

    The longest path, compensations included, has to take less than ``execution``: after that time
    Step Functions ends the execution in any state.
    """

    execution: int
    call: int = 8
    write: int = 3
    action_retries: int
    compensation_retries: int
    write_retries: int = 3
    max_delay: int

    first_deferral: int = 15
    """How long a deferred record waits at first; each time it waits twice as long."""
    max_busy_deferral: int = 900
    """How long it waits at most after a transient error."""
    max_failing_deferral: int = 21_600
    """How long it waits at most after any other error."""

    @property
    def lease(self) -> int:
        """How long a claim is valid, in seconds: longer than its execution can run."""
        return self.execution + 60


STANDARD_TIMEOUTS = Timeouts(execution=1200, action_retries=6, compensation_retries=6, max_delay=32)
EXPRESS_TIMEOUTS = Timeouts(
    execution=EXPRESS_MAX_SECONDS,
    write=2,
    action_retries=2,
    compensation_retries=2,
    write_retries=2,
    max_delay=4,
)
