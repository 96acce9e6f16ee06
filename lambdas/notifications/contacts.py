"""Customers' contact details."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from unicodedata import category

from lambdas.contracts.requests import Text
from lambdas.contracts.text import text_problem


class AddressState(StrEnum):
    """Whether the owner of an address has confirmed it."""

    CONFIRMED = "CONFIRMED"
    UNCONFIRMED = "UNCONFIRMED"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingContact:
    """Contact details that are used once the owner of the address has confirmed it."""

    email: str
    name: str
    token_hash: str
    """The hash of the token in the confirmation mail; the token itself is not kept."""
    expires_at: int
    """When the token expires: seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A customer's contact details.

    A new address replaces the confirmed one only when it is confirmed itself.
    """

    customer_id: str
    email: str = ""
    """Empty until the first address is confirmed."""
    name: str = ""
    changed_at: str
    """The time of the last change: UTC, ISO 8601."""
    confirmed_at: str = ""
    """When the address was confirmed: UTC, ISO 8601. Empty if it was not: no mail goes to it."""
    pending: PendingContact | None = None


MAX_EMAIL, MAX_LOCAL_PART, MAX_NAME = 254, 64, 60
"""The maximum lengths, in characters; those of addresses are from
https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1
"""
_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
EMAIL = (
    rf"(?=[^@]{{1,{MAX_LOCAL_PART}}}@)(?!.*=\?){_WORD}(\.{_WORD})*@"
    r"((?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+(?!-)[A-Za-z0-9-]{2,63}(?<!-)"
)
"""A valid e-mail address: dots and hyphens stand only between other characters.

SES accepts ASCII only; an internationalized domain has to be given as Punycode.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html
``=?`` begins an encoded word, which no address may have. Mail servers that decode it deliver to
another address than the one that is counted. https://www.rfc-editor.org/rfc/rfc2047#section-5
"""
LETTERS_AND_MARKS = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc"}
PUNCTUATION_IN_NAMES = " .,'’-·"
DOMAIN = re.compile(r"\.\w\w")
"""What makes a domain name, which mail programs turn into a link: ``shop.example``, not ``J.R.``"""


class Name:
    """The rule of a customer's name in mails: letters, and neither a message nor a link."""

    def problem(self, value: object) -> str | None:
        """Return what is wrong with the name; None if nothing is."""
        if isinstance(value, str) and _is_name(value):
            return None
        return f"must be a name of 1 to {MAX_NAME} letters, without digits, signs and links"

    def schema(self) -> dict[str, Any]:
        """Return the rule as a JSON Schema."""
        return {"type": "string", "minLength": 1, "maxLength": MAX_NAME}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedContact:
    """The address and the name under which a customer wants to receive mail."""

    email: Annotated[
        str,
        Text(
            maximum=MAX_EMAIL,
            pattern=EMAIL,
            hint="must be an e-mail address, such as ada@example.com",
        ),
    ]
    name: Annotated[str, Name()]


def _is_name(text: str) -> bool:
    """Return whether ``text`` has only visible letters and a name's punctuation, and no domain."""
    kinds = [category(character) for character in text]
    without_marks = "".join(
        character for character, kind in zip(text, kinds, strict=True) if kind[0] != "M"
    )
    return (
        len(text) <= MAX_NAME
        and text_problem(text) is None
        and any(map(str.isalpha, text))
        and all(
            kind in LETTERS_AND_MARKS or character in PUNCTUATION_IN_NAMES
            for character, kind in zip(text, kinds, strict=True)
        )
        and DOMAIN.search(without_marks) is None
    )
