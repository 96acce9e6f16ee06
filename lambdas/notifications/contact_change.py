"""Changing a contact: a new address is used once its owner has confirmed it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from lambdas.notifications.confirmations import SUBJECT, Token, confirmation_text, expiry
from lambdas.notifications.contact_store import Contacts, PendingContacts
from lambdas.notifications.contacts import AddressState, PendingContact, WantedContact
from lambdas.notifications.ses import is_throttled, send_through_ses, text_content
from lambdas.runtime.retry import RetryPolicy

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client


RETRY = RetryPolicy(max_attempts=3, base_delay=0.5)
"""Waits at most 1.5 s altogether: the customer waits, too, and SES's last answer may take 10 s."""


def create_secret() -> str:
    """Return 256 random bits as a text of 43 characters."""
    return token_urlsafe(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChange:
    """Changes contacts, and mails the link that confirms a new address."""

    contacts: Contacts
    pending: PendingContacts
    sender: str
    """The address that mails come from; if it is empty, none is sent, and nothing confirmed."""
    api_url: str
    """The URL of the HTTP API, in the link."""
    ses: "SESV2Client"
    """boto3's client of SES v2, which must not retry a request by itself."""
    retry: RetryPolicy = RETRY
    """How often a mail that SES throttles is tried, and how long to wait in between."""
    new_secret: Callable[[], str] = create_secret

    def request(self, customer_id: str, wanted: WantedContact, *, now: datetime) -> AddressState:
        """Change the name at once and the address once it is confirmed; return the address's state.

        A repeated request makes a new token and sends another mail.

        Raises:
            TooManyConfirmationsError: nothing was changed.
            EmailRejectedError: the mail was not sent. The request may be repeated.
            EmailOutcomeUnknownError: the mail may not have been sent. The request may be repeated.
        """
        if self.contacts.rename(customer_id, wanted, now=now):
            return AddressState.CONFIRMED
        token = Token.create(customer_id, secret=self.new_secret())
        pending = PendingContact(
            email=wanted.email, name=wanted.name, token_hash=token.hash, expires_at=expiry(now)
        )
        self.pending.put(customer_id, pending, now=now)
        if self.sender:
            text = confirmation_text(token, api_url=self.api_url)
            content = text_content(SUBJECT, text)
            send = partial(
                send_through_ses, self.ses, sender=self.sender, to=wanted.email, content=content
            )
            self.retry.call(send, is_transient=is_throttled)
        return AddressState.UNCONFIRMED
