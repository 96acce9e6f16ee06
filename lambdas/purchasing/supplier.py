"""The port to a supplier: the operation that purchasing needs."""

from dataclasses import dataclass
from typing import Protocol

from lambdas.purchasing.domain import PurchaseOrder


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The supplier has the order, and will deliver."""

    due_at: str
    """When, in UTC, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """All goods of the order have been delivered."""


class SupplierError(Exception):
    """The supplier's answer is missing or not valid; it is unknown whether it has the order."""


class Supplier(Protocol):
    """A supplier that is idempotent by purchase order id: it delivers each order once."""

    def send(self, order: PurchaseOrder) -> Confirmed | Delivered:
        """Send a purchase order, or repeat it, and return its progress.

        Raises:
            SupplierError: it is unknown whether the supplier has the order.
        """
