"""The port to a card provider: what payments requires of one."""

from typing import Protocol

from lambdas.contracts.values import Money
from lambdas.payments.domain import ChargeResult


class ProviderError(Exception):
    """The provider gave no valid response; it is unknown whether it acted on the request."""


class Provider(Protocol):
    """A card provider that is idempotent by key.

    However often a request is repeated, a key is charged at most once and refunded at most once.
    """

    def charge(self, key: str, customer_id: str, amount: Money) -> ChargeResult:
        """Charge the customer's card. Every request with the same key has the same result."""

    def refund(self, key: str) -> None:
        """Refund the charge. If the key is unknown, a later charge under it fails as voided."""
