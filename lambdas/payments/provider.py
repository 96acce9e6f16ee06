"""The port to a card provider: the operations that payments needs."""

from typing import Protocol

from lambdas.contracts.values import Money
from lambdas.payments.domain import ChargeResult


class ProviderError(Exception):
    """The provider's response is missing or not valid; it is unknown whether it acted."""


class ChargeDisputedError(Exception):
    """The charge is disputed: the provider refunds nothing before it has decided the dispute."""


class Provider(Protocol):
    """A card provider that is idempotent by key.

    A key is charged at most once and refunded at most once, however often a request is repeated.
    """

    def charge(self, key: str, customer_id: str, amount: Money) -> ChargeResult:
        """Charge the customer's card. Every request with the same key has the same result."""

    def refund(self, key: str) -> None:
        """Refund the charge. If the key is unknown, a later charge under it fails as voided.

        Nothing is refunded that a lost dispute has given back: it counts as refunded.

        Raises:
            ChargeDisputedError: a dispute is not decided yet. Nothing was refunded.
        """
