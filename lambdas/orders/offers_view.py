"""The table of the prices on offer: the orders service's own view of the catalogue."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from lambdas.contracts.catalog import Offer
from lambdas.contracts.codec import ContractError, decode, encode
from lambdas.orders.offers import SkuOffers
from lambdas.runtime.dynamodb import batch_get, put_if_newer
from lambdas.runtime.log import log_error

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class OffersView:
    """The view, keyed by ``sku``."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def put_if_newer(self, offers: SkuOffers) -> bool:
        """Store a SKU's offers if they are newer than the stored ones; return whether they are."""
        return put_if_newer(self._dynamodb, self._table, encode(offers), key="sku")

    def find(
        self, skus: Iterable[str], *, report: Callable[..., None] = log_error
    ) -> dict[str, tuple[Offer, ...]]:
        """Return the offers by SKU, of 1 to 100 SKUs, read in one request.

        A row that has no offers, because somebody edited it, is left out, and reported: nothing is
        on offer.

        Raises:
            UnprocessedKeysError: DynamoDB is throttled; try again.
        """
        keys = [{"sku": sku} for sku in dict.fromkeys(skus)]
        found: dict[str, tuple[Offer, ...]] = {}
        for row in batch_get(self._dynamodb, self._table, keys):
            try:
                found[row["sku"]] = decode(SkuOffers, row).offers
            except ContractError as error:
                report("offers_unreadable", sku=row["sku"], error=str(error))
        return found
