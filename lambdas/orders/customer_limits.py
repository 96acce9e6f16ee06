"""How many orders a customer may place, and what those may have that have not ended."""

from collections.abc import Iterable
from dataclasses import dataclass

from lambdas.contracts.customer_limits import CustomerLimits
from lambdas.orders.domain import Order


class CustomerLimitError(Exception):
    """The customer's orders and this one exceed a limit; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """What an open order counts for."""

    units: int
    value: int
    currency: str


def counted(order: Order) -> OpenOrder:
    """Return what the order counts for."""
    units = sum(line.quantity for line in order.lines)
    return OpenOrder(units=units, value=order.total, currency=order.currency)


def check_limits(new: OpenOrder, *, others: Iterable[OpenOrder], limits: CustomerLimits) -> None:
    """Check that a customer who has these other open orders may place a new one.

    Raises:
        CustomerLimitError: naming each limit that is exceeded.
    """
    together = [new, *others]
    value = sum(each.value for each in together if each.currency == new.currency)
    problems = [
        f"{what} would be {number}, and at most {limit} may be"
        for what, number, limit in (
            ("orders", len(together), limits.orders),
            ("units", sum(each.units for each in together), limits.units),
            (f"value in minor units of {new.currency}", value, limits.value),
        )
        if number > limit
    ]
    if problems:
        raise CustomerLimitError(f"of your orders that have not ended: {'; '.join(problems)}")


def check_day(placed: int, *, limits: CustomerLimits) -> None:
    """Check that a customer who has placed so many orders today (UTC) may place another.

    Raises:
        CustomerLimitError: naming the limit.
    """
    if placed >= limits.orders_a_day:
        raise CustomerLimitError(
            f"you placed {placed} orders today (UTC), and at most {limits.orders_a_day} may be"
        )
