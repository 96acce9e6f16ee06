"""The reload of orders' view of the offers, from the catalogue's table.

A row has what the latest event of one SKU said. So rows are written in place, without a second
table. A view that is rebuilt from many events is incomplete meanwhile; this one never is.
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
    """A SKU whose offers differ between the catalogue and orders' view."""

    offers: SkuOffers
    """The catalogue's."""
    stored: int | None
    """The number of the change that orders knows; None if it knows none that can be read."""


class OffersView:
    """The catalogue's table, and orders' view of it."""

    def __init__(self, deployed: Deployed) -> None:
        self._dynamodb = deployed.client("dynamodb")
        self._products = deployed.outputs("Catalog")["CatalogTable"]
        self._offers = deployed.outputs("Orders")["OffersTable"]
        self.unreadable = 0
        """How many rows of the catalogue could not be read so far."""

    def differing(self) -> Iterator[DifferingOffers]:
        """Yield each SKU whose offers are missing in orders' view, or differ there.

        A SKU that has changed meanwhile, so that orders' view is newer, is left out.

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
        """Store the catalogue's offers; return False if orders' view has newer ones by now."""
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
