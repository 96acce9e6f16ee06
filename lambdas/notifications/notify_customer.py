"""Notifies a customer by e-mail of what happened to an order."""

from typing import Any

from lambdas.notifications.contact_store import Contacts
from lambdas.notifications.email_records import event_for_record
from lambdas.notifications.mail_sender import MailSender
from lambdas.notifications.messages import compose_email, parse_notified_event
from lambdas.notifications.store import EmailRecords
from lambdas.runtime.aws import SINGLE_ATTEMPT, client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

mail_sender = MailSender(
    contacts=Contacts(setting("CUSTOMERS_TABLE"), dynamodb=client("dynamodb")),
    records=EmailRecords(setting("EMAIL_RECORDS_TABLE"), dynamodb=client("dynamodb")),
    sender=setting("SENDER"),
    ses=client("sesv2", SINGLE_ATTEMPT),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Send the e-mail once and return CustomerNotified, the same at every attempt.

    Raises what ``MailSender.send`` raises.
    """
    notified = parse_notified_event(event)
    record = mail_sender.send(compose_email(notified))
    log("customer_notified", order_id=record.order_id, notice=record.kind, result=record.state)
    return event_for_record(notified, record).to_lambda_response()
