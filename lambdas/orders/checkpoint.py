"""The progress of a job that goes through orders by the time at which they were placed."""

from datetime import datetime
from typing import TYPE_CHECKING

from lambdas.runtime.dynamodb import from_item, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class Checkpoint:
    """A job's row in a table that has one row for each job, keyed by ``job``."""

    def __init__(self, table: str, *, job: str, dynamodb: "DynamoDBClient") -> None:
        """``table`` is its name, ``dynamodb`` boto3's client."""
        self._table = table
        self._key = {"job": job}
        self._dynamodb = dynamodb

    def done_until(self) -> datetime | None:
        """Return the time up to which the job is done; None before its first run."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item(self._key), ConsistentRead=True
        )
        return datetime.fromisoformat(from_item(answer["Item"])["at"]) if "Item" in answer else None

    def advance(self, to: datetime) -> None:
        """Record that the job is done up to a time, unless another run has recorded a later one."""
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=to_item({**self._key, "at": to.isoformat()}),
                ConditionExpression="attribute_not_exists(#at) OR #at < :at",
                ExpressionAttributeNames={"#at": "at"},
                ExpressionAttributeValues=to_item({":at": to.isoformat()}),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return
