"""Customers' contact details: their fields, and how a request for a change is checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The address and the name under which a customer receives mail."""

    customer_id: str
    email: str
    name: str
    changed_at: str
    """The time of the last change: UTC, ISO 8601."""


MAX_EMAIL, MAX_LOCAL_PART, MAX_NAME = 254, 64, 100
"""The maximum lengths, in characters; those of addresses are from
https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1
"""
_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
EMAIL = re.compile(
    rf"{_WORD}(\.{_WORD})*@"
    r"((?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+(?!-)[A-Za-z0-9-]{2,63}(?<!-)"
)
"""A valid e-mail address: dots and hyphens stand only between other characters.

SES accepts ASCII only; an internationalized domain has to be given as Punycode.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html
"""


class BadContactError(Exception):
    """The request is no valid contact; ``problems`` names each bad field and what is wrong."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {problem}" for name, problem in problems.items()))
        self.problems = [{"field": name, "problem": text} for name, text in problems.items()]


def parse_contact(body: object, *, customer_id: str, now: str) -> Contact:
    """Parse a request's body; raise BadContactError naming every bad field."""
    if not isinstance(body, Mapping):
        raise BadContactError({"body": "must be a JSON object"})
    problems = {}
    email, name = body.get("email"), body.get("name")
    if not isinstance(email, str) or not _is_email(email):
        problems["email"] = "must be an e-mail address, such as ada@example.com"
    if not isinstance(name, str) or not _is_name(name):
        problems["name"] = f"must be a line of 1 to {MAX_NAME} letters"
    if problems:
        raise BadContactError(problems)
    return Contact(customer_id=customer_id, email=str(email), name=str(name), changed_at=now)


def _is_email(text: str) -> bool:
    local_part = text.partition("@")[0]
    return (
        EMAIL.fullmatch(text) is not None
        and len(text) <= MAX_EMAIL
        and len(local_part) <= MAX_LOCAL_PART
    )


def _is_name(text: str) -> bool:
    """Return whether ``text`` is one printable line: a name must not add lines to an e-mail."""
    return text.isprintable() and text.strip() != "" and len(text) <= MAX_NAME
