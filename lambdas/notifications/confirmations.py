"""Confirming an address: the token that proves that its owner read the mail, and the mail itself.

The confirmation mail is the only one that is sent to an unconfirmed address, which may be a
stranger's. Its text is fixed, and has nothing that the customer wrote.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Self

PATH = "/contact/confirmation"
TOKEN_LIFETIME = timedelta(days=1)
MAILS_PER_ADDRESS, MAILS_PER_CUSTOMER = 3, 5
"""The most confirmation mails a day (UTC)."""
SUBJECT = "Confirm your e-mail address"
_TEXT = """Hello,

this e-mail address was given to our shop as the one for mails about a customer's orders. If you
are that customer, open this page and press its button:

{link}

The page works once, within a day.

If you are not, do nothing: no mail about orders will be sent to you.

Your shop
"""
_TOKEN = re.compile(r"(?P<customer>[A-Za-z0-9-]{1,64})\.[A-Za-z0-9_-]{43}")


class TooManyConfirmationsError(Exception):
    """The day's confirmation mails for the address, or for the customer, are used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The proof that a mail was read: the customer's id, followed by 256 random bits."""

    customer_id: str
    text: str

    @classmethod
    def create(cls, customer_id: str, *, secret: str) -> Self:
        """Return a customer's token. ``secret`` comes from ``create_secret``."""
        return cls(customer_id=customer_id, text=f"{customer_id}.{secret}")

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the token in the text of a link or form; None if it is not a token."""
        match = _TOKEN.fullmatch(text)
        return cls(customer_id=match["customer"], text=text) if match else None

    @property
    def hash(self) -> str:
        """The digest that is stored in place of the token. Random and long, it needs no salt."""
        return sha256(self.text.encode()).hexdigest()


def confirmation_text(token: Token, *, api_url: str) -> str:
    """Return the text of the confirmation mail."""
    return _TEXT.format(link=f"{api_url.rstrip('/')}{PATH}?token={token.text}")


def expiry(now: datetime) -> int:
    """Return when a token that is made at ``now`` expires: seconds since 1970."""
    return int((now + TOKEN_LIFETIME).timestamp())


def address_counter(email: str, now: datetime) -> str:
    """Return the key of the counter of mails to this address on the day of ``now`` (UTC).

    Variants of an address that may reach one mailbox count as one: upper case, ``+`` with a tag,
    and dots in the local part, which some providers ignore.
    """
    local_part, _, domain = email.lower().rpartition("@")
    mailbox = f"{local_part.partition('+')[0].replace('.', '')}@{domain}"
    return f"address#{sha256(mailbox.encode()).hexdigest()}#{now:%Y-%m-%d}"


def customer_counter(customer_id: str, now: datetime) -> str:
    """Return the key of the counter of mails caused by this customer on the day of ``now``."""
    return f"customer#{customer_id}#{now:%Y-%m-%d}"


def end_of_day(now: datetime) -> datetime:
    """Return the midnight (UTC) after ``now``: then the day's counters of mails expire."""
    return datetime.combine(now.date() + timedelta(days=1), time(), UTC)
