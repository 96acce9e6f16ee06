"""Sends an invoice to its customer. It is invoked when ``issue_invoice`` has succeeded."""

from typing import Any

from lambdas.contracts.codec import decode
from lambdas.notifications.contact_store import Contacts
from lambdas.notifications.invoices import IssuedInvoice
from lambdas.notifications.mail_sender import MailSender
from lambdas.notifications.messages import compose_invoice_email
from lambdas.notifications.store import EmailRecords, Invoices
from lambdas.runtime.aws import SINGLE_ATTEMPT, client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

invoices = Invoices(setting("INVOICES_BUCKET"), s3=client("s3"))
mail_sender = MailSender(
    contacts=Contacts(setting("CUSTOMERS_TABLE"), dynamodb=client("dynamodb")),
    records=EmailRecords(setting("EMAIL_RECORDS_TABLE"), dynamodb=client("dynamodb")),
    sender=setting("SENDER"),
    ses=client("sesv2", SINGLE_ATTEMPT),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Send the invoice once and return the outcome; raise what ``MailSender.send`` raises."""
    invoice = decode(IssuedInvoice, event["responsePayload"])
    record = mail_sender.send(compose_invoice_email(invoice, invoices.read(invoice.key)))
    log("invoice_emailed", order_id=record.order_id, result=record.state)
    return {"order_id": record.order_id, "result": record.state}
