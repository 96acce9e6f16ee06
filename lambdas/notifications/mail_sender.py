"""Sends each e-mail at most once, and records its outcome."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lambdas.notifications.contact_store import Contacts
from lambdas.notifications.contacts import Contact
from lambdas.notifications.email_records import (
    NO_ADDRESS,
    RECORDED,
    SENDING,
    UNCONFIRMED,
    EmailRecord,
    EmailRejectedError,
    require_outcome,
)
from lambdas.notifications.messages import EmailMessage, add_salutation
from lambdas.notifications.ses import is_throttled, send_through_ses, text_content
from lambdas.notifications.store import EmailRecords
from lambdas.runtime.clock import current_time
from lambdas.runtime.retry import RetryPolicy

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client


TRIES = 6
"""How often an e-mail that SES throttles is tried within one attempt of its function."""


class MailSender:
    """Sends e-mails through SES. Each is recorded before it is sent.

    SES has no idempotency token. So if an attempt finds a record in state SENDING, it does not
    send.
    """

    def __init__(
        self,
        *,
        contacts: Contacts,
        records: EmailRecords,
        sender: str,
        ses: "SESV2Client",
        retry: RetryPolicy,
        now: Callable[[], str] = current_time,
    ) -> None:
        """Keep the clients and stores that ``send`` uses.

        Args:
            contacts: the customers' addresses.
            records: the records of e-mails.
            sender: the address that e-mails come from; if it is empty, they are only recorded.
            ses: boto3's client of SES v2, which must not retry a request by itself.
            retry: how often an e-mail that SES throttles is tried, and how long to wait in between.
            now: returns the current time: UTC, ISO 8601.
        """
        self._contacts = contacts
        self._records = records
        self._sender = sender
        self._ses = ses
        self._retry = retry
        self._now = now

    def send(self, message: EmailMessage) -> EmailRecord:
        """Send the e-mail and record it; if there is a record already, only return that.

        While SES throttles, it waits and tries again. Meanwhile there is no record, so that another
        attempt may send the e-mail.

        Raises:
            EmailOutcomeUnknownError: an earlier or this attempt called SES; the outcome is unknown.
            EmailRejectedError: SES did not accept it. Its record is deleted, so sending it may be
                tried again.
        """
        return self._retry.call(lambda: self._try_send(message), is_transient=is_throttled)

    def _try_send(self, message: EmailMessage) -> EmailRecord:
        contact = self._contacts.find(message.customer_id)
        record = EmailRecord(
            order_id=message.order_id,
            kind=message.kind,
            customer_id=message.customer_id,
            state=self._initial_state(contact),
            changed_at=self._now(),
            claim=uuid4().hex,
            with_invoice=bool(message.attachment),
        )
        known = self._records.create(record)
        if known is not None:
            return require_outcome(known)
        if contact is None or record.state != SENDING:
            return record
        try:
            message_id = send_through_ses(
                self._ses,
                sender=self._sender,
                to=contact.email,
                content=_ses_content(contact, message),
            )
        except EmailRejectedError:
            self._records.delete(record)
            raise
        return self._records.mark_sent(record, message_id, now=self._now())

    def _initial_state(self, contact: Contact | None) -> str:
        if contact is None:
            return NO_ADDRESS
        if not self._sender:
            return RECORDED
        return SENDING if contact.confirmed_at else UNCONFIRMED


def _ses_content(contact: Contact, message: EmailMessage) -> Any:
    """Return the e-mail in the form that SES expects.

    https://docs.aws.amazon.com/ses/latest/dg/attachments.html
    """
    content = text_content(message.subject, add_salutation(contact, message.text))
    if message.attachment:
        content["Attachments"] = [
            {
                "FileName": message.file_name,
                "RawContent": message.attachment,
                "ContentType": "application/pdf",
                "ContentTransferEncoding": "BASE64",
            }
        ]
    return content
