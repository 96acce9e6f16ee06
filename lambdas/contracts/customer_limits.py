"""The limits of a customer's orders: a setting of the shop."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLimits:
    """The most that a customer's orders may have together until they have ended, and in a day."""

    orders: int
    units: int
    value: int
    """In minor units, of each currency."""
    orders_a_day: int
    """How many orders a customer may place in a day (UTC), whatever becomes of them."""
