"""The progress of a job that goes through orders by the time at which they were placed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lambdas.contracts.codec import ContractError, decode
from lambdas.contracts.times import format_time
from lambdas.contracts.values import Time
from lambdas.runtime.dynamodb import from_item, put_if_item_unchanged, to_item
from lambdas.runtime.log import log_error

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job has come: until when it is done, and which earlier periods are not."""

    done_until: datetime
    unresolved: tuple[datetime, ...] = ()
    """The starts of earlier periods that it has to come back to, the next one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """The row, without its key."""

    at: Time
    unresolved: tuple[Time, ...] = ()


class Checkpoint:
    """The row of one job in the table of checkpoints, which is keyed by ``job``."""

    def __init__(self, table: str, *, job: str, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._key = {"job": job}
        self._dynamodb = dynamodb
        self._unreadable: Mapping[str, Any] = {}

    def read(self) -> Progress | None:
        """Return the job's progress; None before its first run, or if the row cannot be read.

        The next progress then replaces the row.
        """
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item(self._key), ConsistentRead=True
        )
        if "Item" not in answer:
            return None
        try:
            row = decode(_Row, from_item(answer["Item"]))
        except ContractError as error:
            log_error("checkpoint_unreadable", **self._key, error=str(error))
            self._unreadable = answer["Item"]
            return None
        return Progress(
            done_until=datetime.fromisoformat(row.at),
            unresolved=tuple(map(datetime.fromisoformat, row.unresolved)),
        )

    def write(self, progress: Progress, *, before: Progress | None) -> None:
        """Record the progress; do nothing if another run has written since ``before`` was read."""
        put_if_item_unchanged(
            self._dynamodb,
            self._table,
            to_item(self._row(before)) if before else self._unreadable,
            self._row(progress),
            version_attributes=("at", "unresolved"),
        )

    def _row(self, progress: Progress) -> dict[str, Any]:
        unresolved = [format_time(at) for at in progress.unresolved]
        row = {**self._key, "at": format_time(progress.done_until)}
        return row | ({"unresolved": unresolved} if unresolved else {})
