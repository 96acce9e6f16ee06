"""The events of the card company, a SaaS partner, which defines their names and fields."""

from dataclasses import dataclass

DISPUTE_OPENED = "Dispute Opened"
"""The detail-type of the event that a cardholder disputes a payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeOpened:
    """The detail of ``DISPUTE_OPENED``; ``payment_key`` is the idempotency key of our charge."""

    dispute_id: str
    payment_key: str
    reason: str
