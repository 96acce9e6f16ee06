"""Whom we write to, what we write, and what is settled about a letter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Event, EventEnvelope, envelope, parse_known_event
from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderRejected,
)
from lambdas.contracts.values import format_money

# Customers: whom we may write to


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Where a customer is reached, and as whom."""

    customer_id: str
    email: str
    name: str
    changed_at: str


MAX_EMAIL, MAX_LOCAL_PART, MAX_NAME = 254, 64, 100
"""https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1"""
_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
EMAIL = re.compile(
    rf"{_WORD}(\.{_WORD})*@"
    r"((?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+(?!-)[A-Za-z0-9-]{2,63}(?<!-)"
)
"""The addresses that people have: a dot is between two words, a hyphen within one of the domain's.

SES takes ASCII only: another domain is written as Punycode.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html
"""


class BadContactError(Exception):
    """The request is no contact; ``problems`` has what is wrong with each bad field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {problem}" for name, problem in problems.items()))
        self.problems = [{"field": name, "problem": text} for name, text in problems.items()]


def parse_contact(body: object, *, customer_id: str, now: str) -> Contact:
    """Read a request's body; raises BadContactError naming every bad field."""
    if not isinstance(body, Mapping):
        raise BadContactError({"body": "must be a JSON object"})
    problems = {}
    email, name = body.get("email"), body.get("name")
    if not isinstance(email, str) or not _is_email(email):
        problems["email"] = "must be an e-mail address, such as ada@example.com"
    if not isinstance(name, str) or not _is_name(name):
        problems["name"] = f"must be a line of 1 to {MAX_NAME} letters"
    if problems:
        raise BadContactError(problems)
    return Contact(customer_id=customer_id, email=str(email), name=str(name), changed_at=now)


def _is_email(text: str) -> bool:
    local_part = text.partition("@")[0]
    return (
        EMAIL.fullmatch(text) is not None
        and len(text) <= MAX_EMAIL
        and len(local_part) <= MAX_LOCAL_PART
    )


def _is_name(text: str) -> bool:
    """One line and no more: a name must not add to the letter in which it stands."""
    return text.isprintable() and text.strip() != "" and len(text) <= MAX_NAME


# Letters: what we write


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailMessage:
    """What is to be written of an order, once of each ``kind``. ``text`` follows the salutation."""

    order_id: str
    kind: str
    customer_id: str
    subject: str
    text: str
    attachment: bytes = b""
    file_name: str = ""


NOTIFIED_EVENTS: tuple[type[Event], ...] = (
    OrderConfirmed,
    OrderRejected,
    OrderCancelled,
    OrderDispatched,
)
"""What customers are told of."""
INVOICE = "Invoice"
"""The kind of the letter that brings the invoice; that of the others is the type of their event."""


def parse_notified_event(event: Mapping[str, Any]) -> EventEnvelope[Any]:
    """Read an event that customers are told of; raises ContractError for any other."""
    notified = parse_known_event(NOTIFIED_EVENTS, event)
    if notified is None:
        known = ", ".join(event_type.detail_type for event_type in NOTIFIED_EVENTS)
        raise ContractError("notified event", [f"{event.get('detail-type')} is none of {known}"])
    return notified


def compose_email(event: EventEnvelope[Any]) -> EmailMessage:
    """The letter that tells of an event."""
    match event.data:
        case OrderConfirmed() as order:
            what = "is confirmed"
            total = format_money(order.total)
            text = f"Your order is confirmed. We have charged {total}; the invoice follows."
        case OrderRejected() as order:
            what = "cannot be fulfilled"
            text = (
                f"We are sorry: your order cannot be fulfilled, {order.explanation}. "
                "Nothing is charged."
            )
        case OrderCancelled():
            what = "is cancelled"
            text = "Your order is cancelled. Whatever was charged for it is given back."
        case _:
            what = "is on its way"
            text = "Your order has left our warehouse and is on its way to you."
    order_id: str = event.data.order_id
    return EmailMessage(
        order_id=order_id,
        kind=event.data.detail_type,
        customer_id=event.data.customer_id,
        subject=f"Your order {order_id} {what}",
        text=text,
    )


def add_salutation(contact: Contact, text: str) -> str:
    """The letter's text as it is sent."""
    return f"Hello {contact.name},\n\n{text}\n\nYour shop\n"


# Mails: what is settled about a letter

SENDING, SENT, RECORDED, NO_ADDRESS = "SENDING", "SENT", "RECORDED", "NO_ADDRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRecord:
    """What became of the one letter of its kind about an order; there is no address in it.

    SENDING before SES is asked, then SENT, with SES's ``message_id``. The others are final at once:
    RECORDED where the environment has no sender, NO_ADDRESS where none was known. ``claim`` is
    that of the attempt which recorded it: no other has the same.
    """

    order_id: str
    kind: str
    customer_id: str
    state: str
    changed_at: str
    claim: str = ""
    message_id: str = ""


class EmailOutcomeUnknownError(Exception):
    """The mail was begun before, and nobody knows whether SES got it: it is not sent again.

    Who began it may still be at it: a later attempt then finds it SENT. Where it died, a person
    has to decide.
    """


class EmailRejectedError(Exception):
    """SES surely did not take the mail, for the reason that it names: it may be tried again."""


def require_outcome(record: EmailRecord) -> EmailRecord:
    """A mail that was recorded before; raises EmailOutcomeUnknownError if it is still SENDING."""
    if record.state == SENDING:
        raise EmailOutcomeUnknownError(
            f"the mail {record.kind} of order {record.order_id} was begun at {record.changed_at}, "
            "and nobody knows whether it was sent"
        )
    return record


def event_for_record(
    event: EventEnvelope[Any], record: EmailRecord
) -> EventEnvelope[CustomerNotified]:
    """What to tell the others of a mail that is settled: the same however often it is told."""
    return envelope(
        CustomerNotified(
            order_id=record.order_id,
            customer_id=record.customer_id,
            notice=record.kind,
            result=record.state,
        ),
        subject=record.order_id,
        sequence=event.metadata.sequence,
        correlation_id=event.metadata.correlation_id,
        causation_id=event.metadata.event_id,
        occurred_at=record.changed_at,
    )


# Invoices


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedInvoice:
    """An invoice that was written, once for its order; ``key`` is where it is kept."""

    order_id: str
    customer_id: str
    number: str
    key: str


def invoice_for(order: OrderConfirmed) -> IssuedInvoice:
    """The invoice of an order.

    Its number follows from the order, so that it is the same whenever it is written. Numbers
    without gaps, which some countries ask for, would need a counter that all orders wait for.
    """
    return IssuedInvoice(
        order_id=order.order_id,
        customer_id=order.customer_id,
        number=f"INV-{order.order_id}",
        key=f"invoices/{order.order_id}.pdf",
    )


def compose_invoice_email(invoice: IssuedInvoice, pdf: bytes) -> EmailMessage:
    """The letter that brings an invoice."""
    return EmailMessage(
        order_id=invoice.order_id,
        kind=INVOICE,
        customer_id=invoice.customer_id,
        subject=f"Invoice {invoice.number}",
        text=f"Enclosed is the invoice of your order {invoice.order_id}.",
        attachment=pdf,
        file_name=f"{invoice.number}.pdf",
    )
