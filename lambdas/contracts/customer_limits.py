"""The limits of what one customer may have in orders that have not ended: a setting of the shop."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLimits:
    """The most that a customer's orders may have together until they have ended."""

    orders: int
    units: int
    value: int
    """In minor units, of each currency."""
