"""The functions as Lambda calls them, on real tables and an SES in memory."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from inspect import unwrap
from typing import Any

import pytest

from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.orders import OrderConfirmed, OrderRejected
from lambdas.contracts.parsing import parse_detail
from lambdas.notifications.contact_store import Contacts
from lambdas.notifications.email_records import EmailOutcomeUnknownError, EmailRejectedError
from lambdas.notifications.invoice_pdf import render
from lambdas.runtime.dynamodb import to_item
from tests.contracts.catalog import detail_of, read, sample_of
from tests.integration.local_aws import session
from tests.support.handlers import ACCOUNT
from tests.support.mailer import ADA, ADDRESS, SENDER, Mailer, raising, refusal
from tests.support.spy import Spy

CONFIRMED = read(sample_of(OrderConfirmed))
ORDER = CONFIRMED["detail"]["data"]["order_id"]
KEY = f"invoices/{ORDER}.pdf"

Load = Callable[[str], Any]


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Any:
    client = session().client("s3", endpoint_url=endpoint)
    place: Any = {"LocationConstraint": ACCOUNT["AWS_DEFAULT_REGION"]}
    with suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket="invoices", CreateBucketConfiguration=place)
    return client


@pytest.fixture
def load(load_handler: Callable[..., Any], mailer: Mailer, s3: Any) -> Load:
    s3.delete_object(Bucket="invoices", Key=KEY)
    mailer.put(replace(ADA, customer_id="17850"))

    def load(verb: str) -> Any:
        handler = load_handler(
            f"lambdas.notifications.{verb}",
            API_URL="https://api.example",
            CONFIRMATION_COUNTERS_TABLE=mailer.counters_table,
            CUSTOMERS_TABLE=mailer.contacts_table,
            EMAIL_RECORDS_TABLE=mailer.records_table,
            INVOICES_BUCKET="invoices",
            SENDER=SENDER,
            THROTTLED_MILLISECONDS="0",
        )
        if "mail_sender" in handler.__globals__:
            unwrap(handler).__globals__["mail_sender"]._ses = mailer.ses
        if "change" in unwrap(handler).__globals__:
            object.__setattr__(unwrap(handler).__globals__["change"], "ses", mailer.ses)
        return handler

    return load


def put(body: Any) -> dict[str, Any]:
    claims = {"sub": "c1"}
    return {
        "body": body if isinstance(body, str) else json.dumps(body),
        "requestContext": {"authorizer": {"jwt": {"claims": claims}}},
    }


def issued(load: Load) -> Any:
    """Issue the invoice; return Lambda's record of that."""
    return {
        "requestPayload": CONFIRMED,
        "responsePayload": load("issue_invoice")(CONFIRMED, None),
    }


FAILED = {"Records": [{"Sns": {"Message": json.dumps({"requestPayload": CONFIRMED})}}]}
"""What SNS invokes the function with when an invoice has failed."""


def attachments(mailer: Mailer) -> dict[str, list[str]]:
    """The files with each mail, by its subject."""
    contents = [mail["Content"]["Simple"] for mail in mailer.ses.sent]
    return {
        content["Subject"]["Data"]: [file["FileName"] for file in content.get("Attachments", ())]
        for content in contents
    }


def test_customer_is_notified_once_and_the_event_is_returned_each_time(load: Load, mailer: Mailer):
    record, notify = issued(load), load("notify_customer")

    first, second = (parse_detail(CustomerNotified, notify(record, None)) for _ in range(2))

    assert first == second
    assert first.data == parse_detail(CustomerNotified, detail_of(CustomerNotified)).data
    assert len(mailer.ses.sent) == 1


def test_confirmation_and_invoice_are_one_mail_after_one_read_of_the_contact(
    load: Load, mailer: Mailer
):
    record, notify = issued(load), load("notify_customer")
    read: list[str] = []
    sender = notify.__globals__["mail_sender"]
    sender._contacts = Contacts(mailer.contacts_table, dynamodb=Spy(mailer.dynamodb, read.append))

    notify(record, None)

    (sent,) = mailer.ses.sent
    assert sent["Content"]["Simple"]["Subject"]["Data"] == f"Your order {ORDER} is confirmed"
    (attachment,) = sent["Content"]["Simple"]["Attachments"]
    parsed = parse_detail(OrderConfirmed, CONFIRMED["detail"])
    assert attachment["RawContent"] == render(parsed, number=f"INV-{ORDER}")
    assert mailer.states() == {(ORDER, "OrderConfirmed"): "SENT"}
    assert read == ["get_item"]


def test_confirmation_goes_alone_when_the_invoice_failed_and_the_invoice_follows(
    load: Load, mailer: Mailer
):
    notify = load("notify_customer")
    alone = [notify(FAILED, None) for _ in range(2)]
    assert attachments(mailer) == {f"Your order {ORDER} is confirmed": []}

    record = issued(load)
    late = [notify(event, None) for event in (record, record, FAILED)]

    assert attachments(mailer) == {
        f"Your order {ORDER} is confirmed": [],
        f"Invoice INV-{ORDER}": [f"INV-{ORDER}.pdf"],
    }
    assert len(mailer.ses.sent) == 2
    assert mailer.states() == {(ORDER, "OrderConfirmed"): "SENT", (ORDER, "Invoice"): "SENT"}
    # The notice is that of the confirmation, each time.
    assert all(answer == alone[0] for answer in (*alone, *late))


def test_invoice_that_fails_after_it_was_mailed_causes_no_second_mail(load: Load, mailer: Mailer):
    notify = load("notify_customer")
    notify(issued(load), None)

    notify(FAILED, None)

    assert len(mailer.ses.sent) == 1


def test_invoice_whose_mail_was_rejected_goes_with_the_confirmation_at_the_next_attempt(
    load: Load, mailer: Mailer
):
    record, notify = issued(load), load("notify_customer")
    mailer.ses.first = raising(refusal("MessageRejected"))
    with pytest.raises(EmailRejectedError):
        notify(record, None)
    mailer.ses.first = lambda: None

    notify(record, None)

    assert attachments(mailer) == {f"Your order {ORDER} is confirmed": [f"INV-{ORDER}.pdf"]}


@pytest.mark.parametrize(
    ("kinds", "mails"), [(["OrderConfirmed", "Invoice"], 0), (["OrderConfirmed"], 1)]
)
def test_record_of_an_older_release_counts_as_sent_without_an_invoice(
    load: Load, mailer: Mailer, kinds: list[str], mails: int
):
    """That release mailed the invoice by itself, and has a record of that mail if it did."""
    for kind in kinds:
        at = "2026-11-28T08:00:00Z"
        row = {"order_id": ORDER, "kind": kind, "state": "SENT", "changed_at": at}
        mailer.dynamodb.put_item(TableName=mailer.records_table, Item=to_item(row))

    load("notify_customer")(issued(load), None)

    assert [subject.split()[0] for subject in mailer.ses.subjects] == ["Invoice"] * mails


def test_email_of_unknown_outcome_raises_the_named_error(load: Load, mailer: Mailer):
    record, notify = issued(load), load("notify_customer")
    mailer.ses.first = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        notify(record, None)
    mailer.ses.first = lambda: None

    for event in (record, FAILED):
        with pytest.raises(EmailOutcomeUnknownError):
            notify(event, None)

    assert mailer.ses.sent == []


def test_invoice_is_stored_once_and_returned_each_time(load: Load, s3: Any):
    issue = load("issue_invoice")
    first = issue(CONFIRMED, None)
    kept = s3.get_object(Bucket="invoices", Key=KEY)
    changed = json.loads(json.dumps(CONFIRMED).replace("85123A", "another"))

    assert issue(CONFIRMED, None) == issue(changed, None) == first

    again = s3.get_object(Bucket="invoices", Key=KEY)
    assert again["Body"].read() == kept["Body"].read()
    assert again["LastModified"] == kept["LastModified"]
    assert kept["ContentType"] == "application/pdf"
    assert first == {
        "order_id": ORDER,
        "customer_id": "17850",
        "number": f"INV-{ORDER}",
        "key": KEY,
    }


def test_logs_contain_no_personal_data(
    load: Load, mailer: Mailer, capsys: pytest.CaptureFixture[str]
):
    load("put_contact")(put({"email": "bob@example.com", "name": "Bob Builder"}), None)
    mailer.ses.first = raising(refusal("MessageRejected"))
    load("put_contact")(put({"email": ADDRESS, "name": "Bob Builder"}), None)
    mailer.ses.first = lambda: None
    load("notify_customer")(read(sample_of(OrderRejected)), None)
    load("notify_customer")(issued(load), None)

    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["message"] for line in lines] == [
        *("contact_updated", "confirmation_not_sent", "request_refused", "customer_notified"),
        *("invoice_issued", "customer_notified"),
    ]
    assert not [line for line in lines if "@" in line or "Bob" in line]
