"""The post: a letter goes out once, or it is known why not."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from lambdas.notifications.domain import (
    NO_ADDRESS,
    RECORDED,
    SENDING,
    Contact,
    EmailMessage,
    EmailOutcomeUnknownError,
    EmailRecord,
    EmailRejectedError,
    add_salutation,
    require_outcome,
)
from lambdas.notifications.store import Contacts, EmailRecords


def clock() -> str:
    """The time now: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


class MailSender:
    """Sends letters through SES, each recorded before it is sent.

    SES knows no idempotency token. Whoever finds a mail begun and not ended does not send it.
    """

    def __init__(
        self,
        *,
        contacts: Contacts,
        records: EmailRecords,
        sender: str,
        ses: Any,
        now: Callable[[], str] = clock,
    ) -> None:
        """``sender`` is the address from which mails come; if it is empty, they are only recorded.

        ``ses`` is boto3's client of SES v2, which must not repeat a request by itself.
        """
        self._contacts = contacts
        self._records = records
        self._sender = sender
        self._ses = ses
        self._now = now

    def send(self, message: EmailMessage) -> EmailRecord:
        """Send the letter, unless that is done already, and return what became of it.

        Raises:
            EmailOutcomeUnknownError: it was begun before, and nobody knows whether it was sent.
            EmailRejectedError: SES did not take it; its record is gone, so it may be tried again.
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
        """Hand the letter to SES, and return its message id.

        An error that SES answers means that nothing was sent; what goes wrong on its own side
        (5xx), or on the way, says nothing. What SES answers may name the address, and does not go
        into the log.
        https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html
        """
        try:
            answer = self._ses.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [contact.email]},
                Content={"Simple": _ses_content(contact, message)},
            )
        except ClientError as refused:
            code = refused.response["Error"]["Code"]
            if refused.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise EmailOutcomeUnknownError(f"SES failed at the mail: {code}") from None
            raise EmailRejectedError(f"SES did not take the mail: {code}") from None
        except (ConnectTimeoutError, EndpointConnectionError) as unreached:
            raise EmailRejectedError(f"SES was not reached: {unreached}") from None
        return str(answer["MessageId"])


def _ses_content(contact: Contact, message: EmailMessage) -> dict[str, Any]:
    """The letter as SES takes it.

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
