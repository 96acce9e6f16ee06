"""Values and types of fields that several contracts share."""

from dataclasses import dataclass
from typing import Annotated

from lambdas.contracts.bounds import ArrayBounds, IntegerBounds, TextBounds, TimeBounds

MAX_SKUS = 90
"""The most SKUs an order may have: a DynamoDB transaction holds 100 items, and reserving takes one
for each SKU and one for the reservation itself.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

Identifier = Annotated[str, TextBounds(minimum=1, maximum=200)]
"""An opaque id. It fits a key of DynamoDB (a sort key has 1,024 bytes) next to a currency or time.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""
Sku = Annotated[str, TextBounds(minimum=1, maximum=64)]
"""The id of an article. Ten orders of ``MAX_SKUS`` fit one request to the event bus."""
Country = Annotated[str, TextBounds(maximum=64)]
Currency = Annotated[str, TextBounds(pattern="[A-Z]{3}")]
"""ISO 4217, such as ``GBP``."""
Time = Annotated[str, TimeBounds()]
MAX_QUANTITY = 1_000_000_000
Quantity = Annotated[int, IntegerBounds(minimum=1, maximum=MAX_QUANTITY)]
SequenceNumber = Annotated[int, IntegerBounds(minimum=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in minor units (cents, pence) of a currency (ISO 4217, such as ``GBP``)."""

    amount: int
    currency: Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A quantity of a SKU."""

    sku: Sku
    quantity: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """A quantity of a SKU with its unit price, in minor units of the order's currency."""

    sku: Sku
    quantity: Quantity
    unit_price: int


PricedLines = Annotated[tuple[PricedLine, ...], ArrayBounds(minimum=1, maximum=MAX_SKUS)]
Lines = Annotated[tuple[Line, ...], ArrayBounds(minimum=1, maximum=MAX_SKUS)]


MINOR_UNIT_DIGITS = dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
     "VUV", "XAF", "XOF", "XPF"), 0,
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3,
) | {"CLF": 4, "UYW": 4}  # fmt: skip
"""The digits of a currency's minor unit (ISO 4217), where there are not two.
https://www.iso.org/iso-4217-currency-codes.html
"""


def format_amount(amount: int, currency: str) -> str:
    """Format an amount in minor units for people, without its currency: ``1,234.50``."""
    digits = MINOR_UNIT_DIGITS.get(currency, 2)
    whole, part = divmod(amount, 10**digits)
    return f"{whole:,}.{part:0{digits}}" if digits else f"{whole:,}"


def format_money(money: Money) -> str:
    """Format an amount with its currency for people: ``1,234.50 GBP``."""
    return f"{format_amount(money.amount, money.currency)} {money.currency}"
