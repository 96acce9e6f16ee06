"""The words in which a saga is told: its steps, its record, its patience."""

from dataclasses import dataclass
from typing import get_origin

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_

from lambdas.contracts.codec import field_types
from lambdas.contracts.commands import Command, Refusal

EXPRESS_MAX_SECONDS = 300
"""An Express workflow is cut off after five minutes.
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCall:
    """A function, asked with a command."""

    command: type[Command]
    function: lambda_.IFunction

    @property
    def name(self) -> str:
        """The state's name: the command's."""
        return self.command.__name__

    @property
    def payload(self) -> dict[str, str]:
        """The command's fields, taken from the data of the event that started the saga."""
        return {field: f"{{% {source} %}}" for field, source in self.fields.items()}

    @property
    def fields(self) -> dict[str, str]:
        """Where each of the command's fields comes from, as JSONata expressions.

        An array stands in brackets, because JSONata takes an array of one for its only element.
        https://docs.jsonata.org/processing#sequences
        """
        return {
            field: f"[$data.{field}]" if get_origin(kind) is tuple else f"$data.{field}"
            for field, kind in field_types(self.command).items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStep:
    """An action, the refusals it may answer with, and the compensation that undoes it.

    ``already_compensated`` is how the action refuses when its compensation came before it. Whoever asked for
    that has not lived to write why: it is a failure, and no reason to tell anybody.
    ``irreversible`` is how the last step's compensation, the first to be asked, refuses when what was
    done can no longer be undone. It is then asked first after every failure, whichever step failed:
    a record that is opened once more may be about what was done long ago.
    """

    action: CommandCall
    refusals: tuple[type[Refusal], ...]
    compensation: CommandCall
    already_compensated: tuple[type[Refusal], ...] = ()
    irreversible: tuple[type[Refusal], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaRecord:
    """The table whose record a saga claims and decides, and the states it moves between.

    A saga takes a record from ``initial`` to ``completed``, to ``compensated``, or, when somebody has put a
    ``cancel_requested_at`` on it meanwhile, to ``cancelled``. Without ``completed`` there is nothing to
    do any more: the saga only undoes. When undoing comes too late, it leaves everything as it is
    and takes the record to ``irreversible``. A record that has not come to its end may bear an attribute
    ``open_shard``, by which a sparse index finds it, and ``check_after``, by which that is sorted; the
    saga takes them away. To one that is over it gives ``closed_shard``, the first letter of its key, by
    which another such index finds it. Whoever cancels a record says in its ``reason`` and
    ``explanation`` why. Others may tell of the record meanwhile, if they count that in ``out_of_band_events``
    as well as in its ``sequence``.
    """

    table: dynamodb.ITableV2
    key: str
    initial: str
    compensated: str
    completed: str = ""
    cancelled: str = ""
    irreversible: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a saga waits, in seconds, and how often it tries again.

    The sum of the longest path, undoing included, has to stay below ``execution``, which Step
    Functions enforces by ending the execution wherever it is.
    """

    execution: int
    call: int = 8
    write: int = 3
    action_retries: int
    compensation_retries: int
    write_retries: int = 3
    max_delay: int

    @property
    def lease(self) -> int:
        """For how long a claim holds: beyond the life of the execution that made it."""
        return self.execution + 60


STANDARD_TIMEOUTS = Timeouts(execution=900, action_retries=3, compensation_retries=6, max_delay=32)
EXPRESS_TIMEOUTS = Timeouts(
    execution=EXPRESS_MAX_SECONDS,
    action_retries=2,
    compensation_retries=2,
    write_retries=2,
    max_delay=4,
)
