"""The port to a supplier: what purchasing requires of one."""

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
    """The goods of the order have arrived, all of them."""


class SupplierError(Exception):
    """The supplier gave no valid answer; it is unknown whether it has the order."""


class Supplier(Protocol):
    """A supplier that is idempotent by purchase order: it delivers the goods of each once."""

    def send(self, order: PurchaseOrder) -> Confirmed | Delivered:
        """Send a purchase order, for the first time or again; raise SupplierError."""
