"""E-mail records: the state of each e-mail, and the event that reports its outcome."""

from dataclasses import dataclass
from typing import Annotated, Any

from lambdas.contracts.bounds import TextBounds
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.values import Time

STATES = SENDING, SENT, RECORDED, NO_ADDRESS, UNCONFIRMED = (
    "SENDING", "SENT", "RECORDED", "NO_ADDRESS", "UNCONFIRMED",
)  # fmt: skip
"""The states of a record.

SENDING is written before SES is called, SENT after SES has accepted the e-mail. The others are
final at once: RECORDED if the environment has no sender address, NO_ADDRESS if the customer has no
contact, UNCONFIRMED if the owner of its address has not confirmed it.
"""
INVOICE = "Invoice"
"""The kind of the e-mail with an invoice that missed the confirmation; the others' kind is the type
of their event.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRecord:
    """The record of an e-mail. An order has at most one of each kind. It holds no address."""

    order_id: str
    kind: str
    customer_id: str = ""
    """Empty when the customer has been erased."""
    state: Annotated[str, TextBounds(pattern="|".join(STATES))]
    changed_at: Time
    """The time of the last change: UTC, ISO 8601."""
    claim: str = ""
    """Identifies the attempt that created the record; no other attempt has the same."""
    message_id: str = ""
    """The id that SES gave the e-mail; empty unless the state is SENT."""
    with_invoice: bool = False
    """Whether the invoice was attached."""


class EmailOutcomeUnknownError(Exception):
    """An earlier attempt called SES, and its outcome is unknown: the e-mail is not sent again.

    That attempt may still be running; a later attempt then finds the state SENT. If it died, an
    operator has to find out whether the mail was sent.
    """


class EmailRejectedError(Exception):
    """SES did not accept the e-mail; the message is SES's reason. Sending may be tried again."""


class EmailThrottledError(EmailRejectedError):
    """SES takes no e-mail for now: too many were sent. It may take it in some seconds or minutes.

    https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html
    """


def require_outcome(record: EmailRecord) -> EmailRecord:
    """Return the record; raise EmailOutcomeUnknownError if its state is still SENDING."""
    if record.state == SENDING:
        raise EmailOutcomeUnknownError(
            f"sending the e-mail {record.kind} of order {record.order_id} began at "
            f"{record.changed_at}, and its outcome is unknown"
        )
    return record


def event_for_record(
    event: EventEnvelope[Any], record: EmailRecord
) -> EventEnvelope[CustomerNotified]:
    """Return the event that reports a record's outcome; it is the same at every attempt.

    Args:
        event: the event that the customer was notified of.
        record: the record of the e-mail about it.
    """
    return envelope(
        CustomerNotified(
            order_id=record.order_id,
            customer_id=event.data.customer_id,
            notice=record.kind,
            result=record.state,
        ),
        subject=record.order_id,
        sequence=event.metadata.sequence,
        correlation_id=event.metadata.correlation_id,
        causation_id=event.metadata.event_id,
        occurred_at=record.changed_at,
    )
