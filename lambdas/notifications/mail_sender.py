"""Sends each e-mail at most once, and records what became of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from lambdas.notifications.contacts import Contact
from lambdas.notifications.email_records import (
    NO_ADDRESS,
    RECORDED,
    SENDING,
    EmailOutcomeUnknownError,
    EmailRecord,
    EmailRejectedError,
    require_outcome,
)
from lambdas.notifications.messages import EmailMessage, add_salutation
from lambdas.notifications.store import Contacts, EmailRecords

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client


def clock() -> str:
    """Return the current time: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


class MailSender:
    """Sends e-mails through SES. Each is recorded before it is sent.

    SES has no idempotency token. So an attempt that finds a record in state SENDING does not send.
    """

    def __init__(
        self,
        *,
        contacts: Contacts,
        records: EmailRecords,
        sender: str,
        ses: "SESV2Client",
        now: Callable[[], str] = clock,
    ) -> None:
        """Make a sender.

        Args:
            contacts: the customers' addresses.
            records: the records of e-mails.
            sender: the address that e-mails come from; if it is empty, they are only recorded.
            ses: boto3's client of SES v2, which must not retry a request by itself.
            now: returns the current time: UTC, ISO 8601.
        """
        self._contacts = contacts
        self._records = records
        self._sender = sender
        self._ses = ses
        self._now = now

    def send(self, message: EmailMessage) -> EmailRecord:
        """Send the e-mail unless there is a record of it; return the record.

        Raises:
            EmailOutcomeUnknownError: an attempt called SES, and its outcome is unknown.
            EmailRejectedError: SES did not accept it. Its record is deleted, so sending it may be
                tried again.
        """
        contact = self._contacts.find(message.customer_id)
        record = EmailRecord(
            order_id=message.order_id,
            kind=message.kind,
            customer_id=message.customer_id,
            state=self._initial_state(contact),
            changed_at=self._now(),
            claim=uuid4().hex,
        )
        known = self._records.create(record)
        if known is not None:
            return require_outcome(known)
        if contact is None or record.state != SENDING:
            return record
        try:
            message_id = self._call_ses(contact, message)
        except EmailRejectedError:
            self._records.delete(record)
            raise
        return self._records.mark_sent(record, message_id, now=self._now())

    def _initial_state(self, contact: Contact | None) -> str:
        if contact is None:
            return NO_ADDRESS
        return SENDING if self._sender else RECORDED

    def _call_ses(self, contact: Contact, message: EmailMessage) -> str:
        """Send the e-mail through SES; return its message id.

        A client error (4xx) means that nothing was sent. After a server error (5xx) or a lost
        connection the outcome is unknown. SES's own message may contain the address, so it is not
        logged.
        https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html
        """
        try:
            response = self._ses.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [contact.email]},
                Content={"Simple": _ses_content(contact, message)},
            )
        except ClientError as refused:
            code = refused.response["Error"]["Code"]
            if refused.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise EmailOutcomeUnknownError(f"SES failed: {code}") from None
            raise EmailRejectedError(f"SES rejected the e-mail: {code}") from None
        except (ConnectTimeoutError, EndpointConnectionError) as unreached:
            raise EmailRejectedError(f"SES was not reached: {unreached}") from None
        return str(response["MessageId"])


def _ses_content(contact: Contact, message: EmailMessage) -> Any:
    """Return the e-mail in the form that SES expects.

    https://docs.aws.amazon.com/ses/latest/dg/attachments.html
    """
    content: dict[str, Any] = {
        "Subject": {"Data": message.subject, "Charset": "UTF-8"},
        "Body": {"Text": {"Data": add_salutation(contact, message.text), "Charset": "UTF-8"}},
    }
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
