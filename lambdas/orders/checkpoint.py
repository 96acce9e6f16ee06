"""How far a job has come that goes through orders by the time at which they were placed."""

from datetime import datetime
from typing import Any

from lambdas.runtime.dynamodb import from_item, to_item


class Checkpoint:
    """A table with a row for each job, keyed by ``job``."""

    def __init__(self, table: str, *, job: str, dynamodb: Any) -> None:
        """``table`` is its name, ``dynamodb`` boto3's client."""
        self._table = table
        self._key = {"job": job}
        self._dynamodb = dynamodb

    def done_until(self) -> datetime | None:
        """Up to when all is done; None if nothing is."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item(self._key), ConsistentRead=True
        )
        return datetime.fromisoformat(from_item(answer["Item"])["at"]) if "Item" in answer else None

    def advance(self, to: datetime) -> None:
        """Note that all is done up to then, unless another run has come further."""
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
