"""The e-mails that customers receive, and the text of each."""

from dataclasses import dataclass
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.inventory import OutOfStock
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderRejected,
    explain_cancellation,
)
from lambdas.contracts.payments import PaymentDeclined
from lambdas.contracts.shipping import AddressUndeliverable
from lambdas.contracts.values import format_money
from lambdas.notifications.contacts import Contact
from lambdas.notifications.email_records import INVOICE
from lambdas.notifications.invoices import IssuedInvoice

REJECTIONS = {
    OutOfStock.__name__: "not everything in it is in stock",
    PaymentDeclined.__name__: "the payment was declined",
    AddressUndeliverable.__name__: "we cannot deliver to the country that you gave",
}
"""By the reason of a rejection, the text about it. A refusal's own explanation may repeat what came
with the order, so no mail contains it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailMessage:
    """An e-mail about an order."""

    order_id: str
    kind: str
    """An order has at most one e-mail of each kind."""
    customer_id: str
    subject: str
    text: str
    """The body, without salutation and closing."""
    attachment: bytes = b""
    """A PDF; empty if there is none."""
    file_name: str = ""
    """The name of the attachment."""


def compose_email(
    event: EventEnvelope[Any], invoice: IssuedInvoice | None = None, pdf: bytes = b""
) -> EmailMessage:
    """Return the e-mail that notifies the customer of an event.

    A confirmation has ``invoice`` attached, whose content is ``pdf``; without one, it says that the
    invoice follows.
    """
    match event.data:
        case OrderConfirmed() as order:
            what = "is confirmed"
            total = format_money(order.total)
            where = "is enclosed" if invoice else "follows"
            text = f"Your order is confirmed. We have charged {total}; the invoice {where}."
        case OrderRejected() as order:
            what = "cannot be fulfilled"
            why = REJECTIONS.get(order.reason, "something on our side has failed")
            text = f"We are sorry: your order cannot be fulfilled; {why}. Nothing is charged."
        case OrderCancelled() as order:
            what = "is cancelled"
            explanation = explain_cancellation(order.reason)
            why = f": {explanation}" if explanation else ""
            text = f"Your order is cancelled{why}. Whatever was charged for it is given back."
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
        attachment=pdf,
        file_name=_file_name(invoice) if invoice else "",
    )


def compose_invoice_email(invoice: IssuedInvoice, pdf: bytes) -> EmailMessage:
    """Return the e-mail with an invoice whose confirmation went alone."""
    return EmailMessage(
        order_id=invoice.order_id,
        kind=INVOICE,
        customer_id=invoice.customer_id,
        subject=f"Invoice {invoice.number}",
        text=f"Enclosed is the invoice of your order {invoice.order_id}.",
        attachment=pdf,
        file_name=_file_name(invoice),
    )


def _file_name(invoice: IssuedInvoice) -> str:
    return f"{invoice.number}.pdf"


def add_salutation(contact: Contact, text: str) -> str:
    """Return the body of an e-mail with salutation and closing."""
    return f"Hello {contact.name},\n\n{text}\n\nYour shop\n"
