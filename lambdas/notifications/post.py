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
    Letter,
    Mail,
    MailRefusedError,
    MailUncertainError,
    salutation,
    settled,
)
from lambdas.notifications.store import Contacts, Mails


def clock() -> str:
    """The time now: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


class Post:
    """Sends letters through SES, each recorded before it is sent.

    SES knows no idempotency token. Whoever finds a mail begun and not ended does not send it.
    """

    def __init__(
        self,
        *,
        contacts: Contacts,
        mails: Mails,
        sender: str,
        ses: Any,
        now: Callable[[], str] = clock,
    ) -> None:
        """``sender`` is the address from which mails come; if it is empty, they are only recorded.

        ``ses`` is boto3's client of SES v2, which must not repeat a request by itself.
        """
        self._contacts = contacts
        self._mails = mails
        self._sender = sender
        self._ses = ses
        self._now = now

    def deliver(self, letter: Letter) -> Mail:
        """Send the letter, unless that is done already, and return what became of it.

        Raises:
            MailUncertainError: it was begun before, and nobody knows whether it was sent.
            MailRefusedError: SES did not take it; its record is gone, so it may be tried again.
        """
        contact = self._contacts.find(letter.customer_id)
        mail = Mail(
            order_id=letter.order_id,
            kind=letter.kind,
            customer_id=letter.customer_id,
            state=self._first_state(contact),
            changed_at=self._now(),
            claim=uuid4().hex,
        )
        known = self._mails.record(mail)
        if known is not None:
            return settled(known)
        if contact is None or mail.state != SENDING:
            return mail
        try:
            message_id = self._send(contact, letter)
        except MailRefusedError:
            self._mails.release(mail)
            raise
        return self._mails.sent(mail, message_id, now=self._now())

    def _first_state(self, contact: Contact | None) -> str:
        if contact is None:
            return NO_ADDRESS
        return SENDING if self._sender else RECORDED

    def _send(self, contact: Contact, letter: Letter) -> str:
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
                Content={"Simple": _message(contact, letter)},
            )
        except ClientError as refused:
            code = refused.response["Error"]["Code"]
            if refused.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise MailUncertainError(f"SES failed at the mail: {code}") from None
            raise MailRefusedError(f"SES did not take the mail: {code}") from None
        except (ConnectTimeoutError, EndpointConnectionError) as unreached:
            raise MailRefusedError(f"SES was not reached: {unreached}") from None
        return str(answer["MessageId"])


def _message(contact: Contact, letter: Letter) -> dict[str, Any]:
    """The letter as SES takes it.

    https://docs.aws.amazon.com/ses/latest/dg/attachments.html
    """
    message: dict[str, Any] = {
        "Subject": {"Data": letter.subject, "Charset": "UTF-8"},
        "Body": {"Text": {"Data": salutation(contact, letter.text), "Charset": "UTF-8"}},
    }
    if letter.attachment:
        message["Attachments"] = [
            {
                "FileName": letter.file_name,
                "RawContent": letter.attachment,
                "ContentType": "application/pdf",
                "ContentTransferEncoding": "BASE64",
            }
        ]
    return message
