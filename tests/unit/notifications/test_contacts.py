"""How a request for a new contact is checked."""

from typing import Any

import pytest

from lambdas.notifications.contacts import BadContactError, parse_contact


@pytest.mark.parametrize(
    "email",
    [
        *("ada@example.com", "a.b+c@mail.example.co.uk", "x@xn--n3h.net", "a@b-c.3-d.xn--p1ai"),
        *("-@e.com", f"a@{'b' * 63}.com"),
    ],
)
def test_valid_contact_is_parsed(email: str):
    contact = parse_contact({"email": email, "name": "Adá 李"}, customer_id="c1", now="now")

    assert (contact.customer_id, contact.email, contact.name, contact.changed_at) == (
        *("c1", email, "Adá 李"),
        "now",
    )


@pytest.mark.parametrize(
    "email",
    [
        *(None, 1, "", "ada", "ada@", "@example.com", "ada@example", "a b@example.com"),
        *("ada@example.com\nBcc: all@example.com", "ada@example.com,bob@example.com"),
        *(".a@example.com", "a.@example.com", "a..b@example.com", "a@example..com"),
        *("a@-b.example.com", "a@b-.example.com", "a@-.com", "a@example.-c", "a@example.c-"),
        *("a@.example.com", "a@example.com.", "a@example.c", f"a@{'b' * 64}.com"),
        *("Ada <ada@example.com>", "ada@münchen.de", "ädä@example.com"),
        *(f"{'a' * 65}@example.com", f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.com"),
    ],
)
def test_invalid_address_is_reported_as_field_email(email: Any):
    with pytest.raises(BadContactError) as bad:
        parse_contact({"email": email, "name": "Ada"}, customer_id="c1", now="now")

    assert [problem["field"] for problem in bad.value.problems] == ["email"]


@pytest.mark.parametrize("name", [None, 1, "", "  ", "A\nB", "A\x00", "\ud800", "a" * 101])
def test_invalid_name_is_reported_as_field_name(name: Any):
    with pytest.raises(BadContactError) as bad:
        parse_contact({"email": "ada@example.com", "name": name}, customer_id="c1", now="now")

    assert [problem["field"] for problem in bad.value.problems] == ["name"]


def test_all_bad_fields_are_reported_together():
    for body, fields in (({}, ["email", "name"]), ([], ["body"]), ("x", ["body"])):
        with pytest.raises(BadContactError) as bad:
            parse_contact(body, customer_id="c1", now="now")

        assert [problem["field"] for problem in bad.value.problems] == fields
