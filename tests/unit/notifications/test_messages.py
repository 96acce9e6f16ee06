"""The e-mails about each event, and the one that carries an invoice."""

from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.notifications import NOTIFIED_EVENTS
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderPlaced,
    OrderRejected,
)
from lambdas.contracts.parsing import parse_detail
from lambdas.notifications.messages import (
    compose_email,
    parse_notified_event,
)
from tests.contracts.catalog import detail_of, read, sample_of


def parse_sample(event: Any) -> Any:
    return parse_detail(event, detail_of(event))


@pytest.mark.parametrize("event", NOTIFIED_EVENTS, ids=lambda event: event.__name__)
def test_email_names_kind_order_and_customer_of_its_event(event: Any):
    parsed = parse_sample(event)

    message = compose_email(parsed)

    assert message.kind == event.__name__
    assert (message.order_id, message.customer_id) == (
        parsed.data.order_id,
        parsed.data.customer_id,
    )
    assert parsed.data.order_id in message.subject


def test_emails_of_different_events_differ():
    emails = [compose_email(parse_sample(event)) for event in NOTIFIED_EVENTS]

    assert len({each.text for each in emails}) == len({each.subject for each in emails}) == 4
    assert (OrderConfirmed, OrderRejected, OrderCancelled, OrderDispatched) == NOTIFIED_EVENTS


def test_email_states_amount_charged():
    assert "57.64 GBP" in compose_email(parse_sample(OrderConfirmed)).text


def rejected(reason: str) -> str:
    sample = parse_sample(OrderRejected)
    text = "https://evil.example"
    data = replace(sample.data, reason=reason, explanation=text, customer_id="c", order_id="o")
    message = compose_email(replace(sample, data=data))
    assert text not in message.subject + message.text
    return message.text


def test_rejection_email_says_why_without_repeating_the_explanation():
    assert "the payment was declined" in rejected("PaymentDeclined")
    assert "in stock" in rejected("OutOfStock")
    assert "country" in rejected("AddressUndeliverable")
    assert "our side" in rejected("TechnicalFailure")


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (1, "Your order is cancelled. Whatever"),
        (2, "Your order is cancelled: it repeats an earlier order. Whatever"),
    ],
)
def test_cancellation_email_explains_where_the_event_does(version: int, text: str):
    event = parse_detail(OrderCancelled, detail_of(OrderCancelled, version))

    assert compose_email(event).text.startswith(text)


def test_cancellation_email_repeats_no_text_of_the_event():
    sample = parse_sample(OrderCancelled)
    text = "https://evil.example"
    event = replace(sample, data=replace(sample.data, explanation=text))

    assert text not in compose_email(event).text


def test_cancellation_email_does_not_claim_that_the_customer_asked():
    assert "asked" not in compose_email(parse_sample(OrderCancelled)).text


def test_event_outside_the_notified_ones_is_a_contract_error():
    with pytest.raises(ContractError, match="OrderPlaced is none of OrderConfirmed"):
        parse_notified_event(read(sample_of(OrderPlaced)))
