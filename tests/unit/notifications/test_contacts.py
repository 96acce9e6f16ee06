"""How a request for a new contact is checked."""

from typing import Any

import pytest

from lambdas.contracts.problems import InvalidRequestError
from lambdas.contracts.requests import parse_request
from lambdas.notifications.contacts import WantedContact


@pytest.mark.parametrize(
    "email",
    [
        *("ada@example.com", "a.b+c@mail.example.co.uk", "x@xn--n3h.net", "a@b-c.3-d.xn--p1ai"),
        *("-@e.com", f"a@{'b' * 63}.com", "a?=b=c@example.com"),
    ],
)
def test_valid_contact_is_parsed(email: str):
    contact = parse_request(WantedContact, {"email": email, "name": "Ada"})

    assert contact == WantedContact(email=email, name="Ada")


@pytest.mark.parametrize(
    "name",
    [
        *("Adá 李", "J.R.R. Tolkien", "St. John", "Conan O'Brien", "Zoë d’Arc-Müller", "आदित्य"),
        *("Martin Luther King, Jr.", "Ł", "a" * 60, "Cafe\u0301"),
    ],
)
def test_valid_name_is_parsed(name: str):
    assert parse_request(WantedContact, {"email": "ada@example.com", "name": name}).name == name


@pytest.mark.parametrize(
    "email",
    [
        *(None, 1, "", "ada", "ada@", "@example.com", "ada@example", "a b@example.com"),
        *("ada@example.com\nBcc: all@example.com", "ada@example.com,bob@example.com"),
        *(".a@example.com", "a.@example.com", "a..b@example.com", "a@example..com"),
        *("a@-b.example.com", "a@b-.example.com", "a@-.com", "a@example.-c", "a@example.c-"),
        *("a@.example.com", "a@example.com.", "a@example.c", f"a@{'b' * 64}.com"),
        *("Ada <ada@example.com>", "ada@münchen.de", "ädä@example.com"),
        *("=?utf-8?q?bob?=@example.com", "=?us-ascii?q?bob=40bank.example=2c?=ada@example.com"),
        *(f"{'a' * 65}@example.com", f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.com"),
    ],
)
def test_invalid_address_is_reported_as_field_email(email: Any):
    with pytest.raises(InvalidRequestError) as bad:
        parse_request(WantedContact, {"email": email, "name": "Ada"})

    assert [problem.field for problem in bad.value.errors] == ["email"]


@pytest.mark.parametrize(
    "name",
    [
        *(None, 1, "", "  ", "-", "a" * 61),
        *("A\nB", "A\r", "A\x00", "\ud800", "A\u202eB", "A\u200bB", "A\u2028B", "A\u00a0B"),
        *(
            "http://evil.example",
            "evil.example",
            "Ann. Your account is locked: https://evil.example",
        ),
        *(
            "see www.evil.de",
            "a@b.c",
            "Ann <b>",
            "call 0900 123",
            "evil。com",
            "Ann/Bob",
            "Ann: pay",
        ),
        *("\u3164", "A\u034fB", "Ann\ufe0f", "\uffa0 \u115f"),
        *("evil.c\u034fom", "evil.e\u0301xample"),
    ],
)
def test_invalid_name_is_reported_as_field_name(name: Any):
    with pytest.raises(InvalidRequestError) as bad:
        parse_request(WantedContact, {"email": "ada@example.com", "name": name})

    assert [problem.field for problem in bad.value.errors] == ["name"]


def test_all_bad_fields_are_reported_together():
    for body, fields in (({}, ["email", "name"]), ([], ["body"]), ("x", ["body"])):
        with pytest.raises(InvalidRequestError) as bad:
            parse_request(WantedContact, body)

        assert [problem.field for problem in bad.value.errors] == fields
