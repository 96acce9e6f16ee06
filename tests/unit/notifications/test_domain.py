from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import parse_detail
from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderPlaced,
    OrderRejected,
)
from lambdas.notifications.domain import (
    NOTIFIED_EVENTS,
    BadContactError,
    EmailRecord,
    compose_email,
    compose_invoice_email,
    event_for_record,
    invoice_for,
    parse_contact,
    parse_notified_event,
)
from tests.contracts.catalog import detail_of, read, sample_of


def parse_sample(event: Any) -> Any:
    return parse_detail(event, detail_of(event))


@pytest.mark.parametrize(
    "email",
    [
        *("ada@example.com", "a.b+c@mail.example.co.uk", "x@xn--n3h.net", "a@b-c.3-d.xn--p1ai"),
        *("-@e.com", f"a@{'b' * 63}.com"),
    ],
)
def test_an_address_is_taken(email: str):
    kept = parse_contact({"email": email, "name": "Adá 李"}, customer_id="c1", now="now")

    assert (kept.customer_id, kept.email, kept.name, kept.changed_at) == (
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
def test_what_is_no_address_is_named(email: Any):
    with pytest.raises(BadContactError) as bad:
        parse_contact({"email": email, "name": "Ada"}, customer_id="c1", now="now")

    assert [problem["field"] for problem in bad.value.problems] == ["email"]


@pytest.mark.parametrize("name", [None, 1, "", "  ", "A\nB", "A\x00", "\ud800", "a" * 101])
def test_what_is_no_name_is_named(name: Any):
    with pytest.raises(BadContactError) as bad:
        parse_contact({"email": "ada@example.com", "name": name}, customer_id="c1", now="now")

    assert [problem["field"] for problem in bad.value.problems] == ["name"]


def test_all_that_is_bad_is_named_at_once():
    for body, fields in (({}, ["email", "name"]), ([], ["body"]), ("x", ["body"])):
        with pytest.raises(BadContactError) as bad:
            parse_contact(body, customer_id="c1", now="now")

        assert [problem["field"] for problem in bad.value.problems] == fields


@pytest.mark.parametrize("event", NOTIFIED_EVENTS, ids=lambda event: event.__name__)
def test_a_letter_says_what_happened_to_which_order(event: Any):
    parsed = parse_sample(event)

    message = compose_email(parsed)

    assert message.kind == event.__name__
    assert (message.order_id, message.customer_id) == (
        parsed.data.order_id,
        parsed.data.customer_id,
    )
    assert parsed.data.order_id in message.subject


def test_letters_differ():
    emails = [compose_email(parse_sample(event)) for event in NOTIFIED_EVENTS]

    assert len({each.text for each in emails}) == len({each.subject for each in emails}) == 4
    assert (OrderConfirmed, OrderRejected, OrderCancelled, OrderDispatched) == NOTIFIED_EVENTS


def test_what_was_charged_and_why_it_was_rejected_is_said():
    assert "57.64 GBP" in compose_email(parse_sample(OrderConfirmed)).text
    rejected = parse_sample(OrderRejected)
    assert rejected.data.explanation in compose_email(rejected).text


def test_a_cancelled_order_was_maybe_not_cancelled_by_its_customer():
    assert "asked" not in compose_email(parse_sample(OrderCancelled)).text


def test_anything_else_is_no_news():
    with pytest.raises(ContractError, match="OrderPlaced is none of OrderConfirmed"):
        parse_notified_event(read(sample_of(OrderPlaced)))


def test_a_notice_is_the_same_whenever_it_is_told():
    parsed = parse_sample(OrderConfirmed)
    record = EmailRecord(
        order_id=parsed.data.order_id,
        kind="OrderConfirmed",
        customer_id=parsed.data.customer_id,
        state="SENT",
        changed_at="2026-12-01T08:26:03.204518+00:00",
        message_id="m1",
    )

    notified = event_for_record(parsed, record)

    assert notified == parse_detail(CustomerNotified, detail_of(CustomerNotified))


def test_notices_of_an_order_do_not_share_a_number():
    def numbered(event: Any, sequence: int) -> str:
        parsed = parse_sample(event)
        detail = {**detail_of(event)}
        detail["metadata"]["sequence"] = sequence
        record = EmailRecord(order_id="o1", kind="x", customer_id="c", state="SENT", changed_at="")
        return event_for_record(parse_detail(type(parsed.data), detail), record).metadata.event_id

    assert len({numbered(OrderConfirmed, 2), numbered(OrderDispatched, 3)}) == 2


def test_an_invoice_bears_its_orders_name():
    order = parse_sample(OrderConfirmed).data

    invoice = invoice_for(order)

    assert invoice.number == f"INV-{order.order_id}"
    assert invoice.key == f"invoices/{order.order_id}.pdf"
    assert compose_invoice_email(invoice, b"%PDF").file_name == f"{invoice.number}.pdf"
