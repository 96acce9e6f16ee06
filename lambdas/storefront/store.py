"""The storefront's views."""

from typing import Any

from lambdas.contracts.codec import decode, encode
from lambdas.runtime.items import from_item, to_item
from lambdas.storefront.domain import Availability


class Availabilities:
    """The view of what can be bought, keyed by ``sku``."""

    def __init__(self, table: str, *, dynamodb: Any) -> None:
        """``table`` is its name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def show(self, availability: Availability) -> bool:
        """Show this, unless what is shown is as late or later; tell whether it is shown now."""
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=to_item(encode(availability)),
                ConditionExpression="attribute_not_exists(sku) OR #sequence < :sequence",
                ExpressionAttributeNames={"#sequence": "sequence"},
                ExpressionAttributeValues=to_item({":sequence": availability.sequence}),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def find(self, sku: str) -> Availability | None:
        """What is shown of a SKU; None if nothing was ever heard of it."""
        answer = self._dynamodb.get_item(TableName=self._table, Key=to_item({"sku": sku}))
        return decode(Availability, from_item(answer["Item"])) if "Item" in answer else None
