"""Values that several contracts share."""

from dataclasses import dataclass

MAX_SKUS = 90
"""The most SKUs an order may have: a DynamoDB transaction holds 100 items, and reserving takes one
for each SKU and one for the reservation itself.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in minor units (cents, pence) of a currency (ISO 4217, such as ``GBP``)."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """So many units of a SKU."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """So many units of a SKU at a price each, in minor units of the order's currency."""

    sku: str
    quantity: int
    unit_price: int
