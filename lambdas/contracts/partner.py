"""What the card company tells as a SaaS partner: its words, which are not ours to change."""

from dataclasses import dataclass

DISPUTE_OPENED = "Dispute Opened"
"""The detail-type under which it tells that a cardholder disputes a payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeOpened:
    """The detail of that: ``payment_key`` is the idempotency key under which we had it charge."""

    dispute_id: str
    payment_key: str
    reason: str
