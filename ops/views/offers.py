"""Orders' own view of the offers, made again from the catalogue's table.

A row holds what the latest event of one SKU said. So it is written in place, and needs no second
table: while a rebuild of many events runs, a view is incomplete; this one never is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lambdas.catalog.domain import Product, event_for_change
from lambdas.contracts.codec import ContractError, decode, encode
from lambdas.orders.offers import SkuOffers, offers_of
from lambdas.runtime.dynamodb import UnprocessedKeysError, batch_get, from_item, to_item
from ops.deployed import Deployed, OperationError
from ops.views.compare import PAGE

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingOffers:
    """A SKU that orders has other offers for than the catalogue."""

    offers: SkuOffers
    """The catalogue's."""
    stored: int | None
    """The number of the change that orders knows; None if it knows none that can be read."""


class OffersView:
    """The catalogue's table, and the view of it that orders has."""

    def __init__(self, deployed: Deployed) -> None:
        self._dynamodb = deployed.client("dynamodb")
        self._products = deployed.outputs("Catalog")["ProductsTable"]
        self._offers = deployed.outputs("Orders")["OffersTable"]
        self.unreadable = 0
        """How many rows of the catalogue could not be read so far."""

    def differing(self) -> Iterator[DifferingOffers]:
        """Yield each SKU whose offers orders does not know, or knows otherwise.

        One that has changed in the meantime, so that orders is ahead, is none of them.

        Raises:
            OperationError: DynamoDB is throttled; try again.
        """
        for wanted in filter(None, self._pages()):
            stored = self._stored([offers.sku for offers in wanted])
            for offers in wanted:
                found = stored.get(offers.sku)
                if found is None or (found != offers and found.sequence <= offers.sequence):
                    yield DifferingOffers(offers=offers, stored=found.sequence if found else None)

    def write(self, differing: DifferingOffers) -> bool:
        """Store the catalogue's offers; return False if orders has learnt newer ones by itself."""
        try:
            self._dynamodb.put_item(
                TableName=self._offers,
                Item=to_item(encode(differing.offers)),
                ConditionExpression="NOT #sequence > :sequence",
                ExpressionAttributeNames={"#sequence": "sequence"},
                ExpressionAttributeValues=to_item({":sequence": differing.offers.sequence}),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _stored(self, skus: Sequence[str]) -> dict[str, SkuOffers | None]:
        keys = [{"sku": sku} for sku in skus]
        try:
            rows = list(batch_get(self._dynamodb, self._offers, keys, consistent=True))
        except UnprocessedKeysError as error:
            raise OperationError(f"{self._offers} is throttled: try again later") from error
        return {row["sku"]: _decoded(SkuOffers, row) for row in rows}

    def _pages(self) -> Iterator[Sequence[SkuOffers]]:
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._products, ConsistentRead=True, PaginationConfig={"PageSize": PAGE}
        )
        for page in pages:
            products = [_decoded(Product, from_item(item)) for item in page["Items"]]
            self.unreadable += products.count(None)
            events = [event_for_change(None, product) for product in products if product]
            yield [offers_of(event) for event in events if event]


def _decoded(kind: type[T], row: Mapping[str, Any]) -> T | None:
    try:
        return decode(kind, row)
    except ContractError:
        return None
