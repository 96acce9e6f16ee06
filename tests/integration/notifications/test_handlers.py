"""The functions as Lambda calls them, on real tables and an SES in memory."""

import json
from collections.abc import Callable
from dataclasses import replace
from inspect import unwrap
from typing import Any

import boto3
import pytest

from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.parsing import parse_detail
from lambdas.notifications.email_records import EmailOutcomeUnknownError
from lambdas.notifications.invoice_pdf import render
from tests.contracts.catalog import detail_of, read, sample_of
from tests.support.handlers import ACCOUNT
from tests.support.mailer import ADA, ADDRESS, SENDER, Mailer, raising, refusal

CONFIRMED = read(sample_of(OrderConfirmed))
ORDER = CONFIRMED["detail"]["data"]["order_id"]
KEY = f"invoices/{ORDER}.pdf"

Load = Callable[[str], Any]


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=ACCOUNT["AWS_DEFAULT_REGION"],
        aws_access_key_id=ACCOUNT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ACCOUNT["AWS_SECRET_ACCESS_KEY"],
    )
    place: Any = {"LocationConstraint": ACCOUNT["AWS_DEFAULT_REGION"]}
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


def test_customer_is_notified_once_and_the_event_is_returned_each_time(load: Load, mailer: Mailer):
    notify = load("notify_customer")

    first, second = (parse_detail(CustomerNotified, notify(CONFIRMED, None)) for _ in range(2))

    assert first == second
    assert first.data == parse_detail(CustomerNotified, detail_of(CustomerNotified)).data
    assert len(mailer.ses.sent) == 1


def test_email_of_unknown_outcome_raises_the_named_error(load: Load, mailer: Mailer):
    notify = load("notify_customer")
    mailer.ses.first = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        notify(CONFIRMED, None)
    mailer.ses.first = lambda: None

    with pytest.raises(EmailOutcomeUnknownError):
        notify(CONFIRMED, None)


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


def test_stored_invoice_is_emailed_once_as_attachment(load: Load, mailer: Mailer):
    record = {"responsePayload": load("issue_invoice")(CONFIRMED, None)}
    email = load("email_invoice")

    for _ in range(2):
        assert email(record, None) == {"order_id": ORDER, "result": "SENT"}

    (sent,) = mailer.ses.sent
    (attachment,) = sent["Content"]["Simple"]["Attachments"]
    parsed = parse_detail(OrderConfirmed, CONFIRMED["detail"])
    assert attachment["RawContent"] == render(parsed, number=f"INV-{ORDER}")
    assert mailer.states() == {(ORDER, "Invoice"): "SENT"}


def test_logs_contain_no_personal_data(
    load: Load, mailer: Mailer, capsys: pytest.CaptureFixture[str]
):
    load("put_contact")(put({"email": "bob@example.com", "name": "Bob Builder"}), None)
    mailer.ses.first = raising(refusal("MessageRejected"))
    load("put_contact")(put({"email": ADDRESS, "name": "Bob Builder"}), None)
    mailer.ses.first = lambda: None
    load("notify_customer")(CONFIRMED, None)
    record = {"responsePayload": load("issue_invoice")(CONFIRMED, None)}
    load("email_invoice")(record, None)

    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["message"] for line in lines] == [
        *("contact_updated", "confirmation_not_sent", "request_refused", "customer_notified"),
        *("invoice_issued", "invoice_emailed"),
    ]
    assert not [line for line in lines if "@" in line or "Bob" in line]
