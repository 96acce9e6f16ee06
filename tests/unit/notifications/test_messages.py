"""The e-mails about each event, with and without an invoice, and what a customer is notified of."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError, encode
from lambdas.contracts.notifications import NOTIFIED_EVENTS
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderPlaced,
    OrderRejected,
)
from lambdas.contracts.parsing import parse_detail
from lambdas.notifications.invoices import invoice_for
from lambdas.notifications.messages import compose_email, compose_invoice_email
from lambdas.notifications.notices import Notice, parse_notice
from tests.contracts.catalog import detail_of, read, sample_of


def parse_sample(event: Any) -> Any:
    return parse_detail(event, detail_of(event))


MAILED_EVENTS = (OrderConfirmed, *NOTIFIED_EVENTS)


@pytest.mark.parametrize("event", MAILED_EVENTS, ids=lambda event: event.__name__)
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
    emails = [compose_email(parse_sample(event)) for event in MAILED_EVENTS]

    assert len({each.text for each in emails}) == len({each.subject for each in emails}) == 4
    assert (OrderRejected, OrderCancelled, OrderDispatched) == NOTIFIED_EVENTS


def test_email_states_amount_charged():
    assert "57.64 GBP" in compose_email(parse_sample(OrderConfirmed)).text


def test_confirmation_encloses_the_invoice_or_says_that_it_follows():
    event = parse_sample(OrderConfirmed)
    invoice = invoice_for(event.data)

    alone, both = compose_email(event), compose_email(event, invoice, b"%PDF")

    assert (alone.attachment, alone.file_name) == (b"", "")
    assert alone.text.endswith("the invoice follows.")
    assert (both.attachment, both.file_name) == (b"%PDF", f"{invoice.number}.pdf")
    assert both.text.endswith("the invoice is enclosed.")
    assert (both.kind, both.subject) == (alone.kind, alone.subject)


def test_invoice_that_comes_later_is_a_mail_of_its_own_kind():
    invoice = invoice_for(parse_sample(OrderConfirmed).data)

    late = compose_invoice_email(invoice, b"%PDF")

    assert (late.kind, late.order_id) == ("Invoice", invoice.order_id)
    assert (late.attachment, late.file_name) == (b"%PDF", f"{invoice.number}.pdf")


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


CONFIRMED = read(sample_of(OrderConfirmed))


def notification(record: Any) -> dict[str, Any]:
    """Return the event with which SNS invokes a function."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(record)}}]}


def test_confirmed_order_comes_with_its_invoice_when_that_is_issued():
    event = parse_sample(OrderConfirmed)
    invoice = invoice_for(event.data)
    record = {"requestPayload": CONFIRMED, "responsePayload": encode(invoice)}

    assert parse_notice(record) == Notice(event=event, invoice=invoice)


@pytest.mark.parametrize("field", ["order_id", "customer_id", "number", "key"])
def test_invoice_of_another_order_is_refused(field: str):
    """It would be mailed to the customer of this one."""
    own = encode(invoice_for(parse_sample(OrderConfirmed).data))
    record = {"requestPayload": CONFIRMED, "responsePayload": own | {field: "another"}}

    with pytest.raises(ContractError, match="it is not the invoice of order"):
        parse_notice(record)


def test_confirmed_order_comes_alone_when_its_invoice_failed():
    record = {"requestPayload": CONFIRMED, "responsePayload": {"errorType": "NoSuchBucket"}}

    assert parse_notice(notification(record)) == Notice(event=parse_sample(OrderConfirmed))


@pytest.mark.parametrize("event", NOTIFIED_EVENTS, ids=lambda event: event.__name__)
def test_other_events_come_as_they_are(event: Any):
    assert parse_notice(read(sample_of(event))) == Notice(event=parse_sample(event))


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(read(sample_of(OrderPlaced)), id="another event"),
        # Its mail waits for its invoice.
        pytest.param(CONFIRMED, id="a confirmed order by itself"),
        pytest.param({"requestPayload": CONFIRMED, "responsePayload": None}, id="no invoice"),
        pytest.param(
            {"requestPayload": read(sample_of(OrderPlaced)), "responsePayload": {}}, id="no order"
        ),
        pytest.param(notification({"requestPayload": "?"}), id="no event"),
        pytest.param(notification([]), id="no record"),
    ],
)
def test_anything_else_is_a_contract_error(event: Any):
    with pytest.raises(ContractError):
        parse_notice(event)
