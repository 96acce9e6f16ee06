"""The token that confirms an address, the mail with it, and its page."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.notifications.confirmations import (
    Token,
    address_counter,
    confirmation_text,
    customer_counter,
    end_of_day,
    expiry,
)
from lambdas.notifications.show_confirmation import handler

NOW = datetime(2026, 12, 1, 8, 26, tzinfo=UTC)
CUSTOMER = "5e3b8e1e-0000-4000-8000-1234567890ab"


def show(token: str | None) -> Any:
    parameters = {} if token is None else {"queryStringParameters": {"token": token}}
    return handler(parameters, None)


def test_token_is_parsed_back_and_its_hash_is_its_own():
    first, second = (Token.create(CUSTOMER, secret=letter * 43) for letter in "ab")

    assert Token.parse(first.text) == first
    assert first.customer_id == CUSTOMER
    assert first.hash != second.hash
    assert first.text not in first.hash


@pytest.mark.parametrize(
    "text", ["", "x", "c.", f"c.{'a' * 42}", f"c.{'a' * 44}", f"c.{'a' * 43}\n", f'"c.{"a" * 43}']
)
def test_text_that_is_no_token_is_refused(text: str):
    assert Token.parse(text) is None


def test_mail_has_the_link_and_nothing_of_the_customers_choice():
    token = Token.create(CUSTOMER, secret="a" * 43)

    text = confirmation_text(token, api_url="https://api.example/")

    assert f"https://api.example/contact/confirmation?token={token.text}\n" in text
    assert text.replace(token.text, "") == confirmation_text(
        Token(customer_id="", text=""), api_url="https://api.example"
    )


def test_page_posts_the_token_and_runs_no_script():
    token = Token.create(CUSTOMER, secret="a" * 43)

    page = show(token.text)

    assert page["statusCode"] == 200
    assert f'name="token" value="{token.text}"' in page["body"]
    assert 'method="post" action="confirmation"' in page["body"]
    assert "default-src 'none'" in page["headers"]["content-security-policy"]
    assert page["headers"]["referrer-policy"] == "no-referrer"
    assert page["headers"]["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("token", [None, "", '"><script>alert(1)</script>'])
def test_page_of_a_link_without_a_token_is_gone(token: str | None):
    page = show(token)

    assert page["statusCode"] == 410
    assert "script" not in page["body"]


def test_variants_of_an_address_count_as_one_and_other_days_separately():
    first = address_counter("Ada+shop@Example.com", NOW)

    assert first == address_counter("ada@example.com", NOW)
    assert first == address_counter("a.da@example.com", NOW)
    assert first != address_counter("ada@exam.ple.com", NOW)
    assert first != address_counter("bob@example.com", NOW)
    assert first != address_counter("ada@example.com", NOW.replace(day=2))
    assert "ada" not in first
    assert customer_counter("c1", NOW) == "customer#c1#2026-12-01"


def test_token_expires_after_a_day_and_counters_end_with_the_day():
    assert expiry(NOW) - NOW.timestamp() == 86_400
    assert end_of_day(NOW) == datetime(2026, 12, 2, tzinfo=UTC)
