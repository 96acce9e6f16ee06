"""The table of products. A row is a product, and at the same time the outbox of its events."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lambdas.catalog.domain import Product
from lambdas.contracts.codec import encode, read_row
from lambdas.runtime.dynamodb import from_item, put_if_unchanged, to_item
from lambdas.runtime.errors import ConcurrentUpdateError
from lambdas.runtime.retry import RetryPolicy

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


RETRY = RetryPolicy(max_attempts=5)
"""A write that lost to another one is tried again at once."""


class Products:
    """The table of products, keyed by ``sku``."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def find(self, sku: str) -> Product | None:
        """Return the product with a consistent read; None if there is none."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item({"sku": sku}), ConsistentRead=True
        )
        return product_of(from_item(answer["Item"])) if "Item" in answer else None

    def change(self, sku: str, *, change: Callable[[Product | None], Product]) -> Product:
        """Apply ``change`` and return the product; what stays the same is written as it was.

        Raises:
            ConcurrentUpdateError: each attempt met a concurrent change of the product.
            UnreadableRowError: the row cannot be read, or could not be read again. Then it is not
                written.
        """
        for _ in RETRY.attempts():
            before = self.find(sku)
            after = change(before)
            product_of(encode(after))
            if self._replace(before, after):
                return after
        raise ConcurrentUpdateError(f"product {sku} is being changed by others; try again")

    def _replace(self, before: Product | None, after: Product) -> bool:
        return put_if_unchanged(
            self._dynamodb,
            self._table,
            encode(before) if before else {},
            encode(after),
            version_attributes=["sequence"],
        )


def product_of(row: Mapping[str, Any]) -> Product:
    """Return the product in a row; raise UnreadableRowError if there is none."""
    return read_row(Product, row, "sku")
