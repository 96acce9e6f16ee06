"""On an order's event or an invoice's outcome: notify the customer by e-mail."""

from typing import Any

from lambdas.notifications.contact_store import Contacts
from lambdas.notifications.email_records import event_for_record
from lambdas.notifications.mail_sender import TRIES, MailSender
from lambdas.notifications.messages import compose_email, compose_invoice_email
from lambdas.notifications.notices import parse_notice
from lambdas.notifications.store import EmailRecords, Invoices
from lambdas.runtime.aws import SINGLE_ATTEMPT, client
from lambdas.runtime.log import log
from lambdas.runtime.retry import RetryPolicy
from lambdas.runtime.settings import setting, whole_number

invoices = Invoices(setting("INVOICES_BUCKET"), s3=client("s3"))
mail_sender = MailSender(
    contacts=Contacts(setting("CUSTOMERS_TABLE"), dynamodb=client("dynamodb")),
    records=EmailRecords(setting("EMAIL_RECORDS_TABLE"), dynamodb=client("dynamodb")),
    sender=setting("SENDER"),
    ses=client("sesv2", SINGLE_ATTEMPT),
    retry=RetryPolicy(max_attempts=TRIES, base_delay=whole_number("THROTTLED_MILLISECONDS") / 1000),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Send the e-mail once and return CustomerNotified, the same at every attempt.

    Raises what ``parse_notice`` and ``MailSender.send`` raise.
    """
    notice = parse_notice(event)
    invoice = notice.invoice
    pdf = invoices.read(invoice.key) if invoice else b""
    record = mail_sender.send(compose_email(notice.event, invoice, pdf))
    if invoice and not record.with_invoice:
        # The confirmation went alone, because the invoice had failed.
        mail_sender.send(compose_invoice_email(invoice, pdf))
    log("customer_notified", order_id=record.order_id, notice=record.kind, result=record.state)
    return event_for_record(notice.event, record).to_lambda_response()
