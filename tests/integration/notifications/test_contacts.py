"""A contact is used once its owner has confirmed it, and is gone when it is erased."""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from inspect import unwrap
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from lambdas.notifications.confirmations import Token
from lambdas.runtime.dynamodb import from_item
from tests.support.mailer import ADA, ADDRESS, SENDER, Mailer, raising, refusal

BOB = "b0b"
EMAIL = "bob@example.com"
LINK = re.compile(r"https://api\.example/contact/confirmation\?token=(\S+)")

Load = Callable[..., Any]


@pytest.fixture
def load(load_handler: Callable[..., Any], mailer: Mailer) -> Load:
    def load(verb: str, *, sender: str = SENDER) -> Any:
        handler = load_handler(
            f"lambdas.notifications.{verb}",
            API_URL="https://api.example",
            CONFIRMATION_COUNTERS_TABLE=mailer.counters_table,
            CUSTOMERS_TABLE=mailer.contacts_table,
            EMAIL_RECORDS_TABLE=mailer.records_table,
            SENDER=sender,
        )
        names = unwrap(handler).__globals__
        if "change" in names:
            object.__setattr__(names["change"], "ses", mailer.ses)
        return handler

    return load


def request(customer: str, body: Any = None) -> dict[str, Any]:
    return {
        "body": body if isinstance(body, str) else json.dumps(body),
        "requestContext": {"authorizer": {"jwt": {"claims": {"sub": customer}}}},
    }


def put(load: Load, email: str = EMAIL, name: str = "Bob", customer: str = BOB) -> tuple[int, Any]:
    answer = load("put_contact")(request(customer, {"email": email, "name": name}), None)
    return answer["statusCode"], json.loads(answer["body"])


def mailed_token(mailer: Mailer) -> str:
    """Return the token in the newest mail."""
    text = mailer.ses.sent[-1]["Content"]["Simple"]["Body"]["Text"]["Data"]
    (token,) = LINK.findall(text)
    return str(token)


def confirm(load: Load, token: str, *, encoded: bool = False) -> int:
    body = urlencode({"token": token})
    event = {"body": base64.b64encode(body.encode()).decode() if encoded else body}
    answer = load("confirm_contact")({**event, "isBase64Encoded": encoded}, None)
    return int(answer["statusCode"])


def test_new_address_is_used_once_it_is_confirmed(load: Load, mailer: Mailer):
    assert put(load) == (202, {"email": EMAIL, "name": "Bob", "state": "UNCONFIRMED"})
    assert mailer.send(customer_id=BOB).state == "UNCONFIRMED"
    assert mailer.ses.sent[0]["Destination"] == {"ToAddresses": [EMAIL]}

    assert confirm(load, mailed_token(mailer), encoded=True) == 200

    assert mailer.send(customer_id=BOB, order_id="o2").state == "SENT"
    assert mailer.ses.sent[-1]["Destination"] == {"ToAddresses": [EMAIL]}


def test_confirmation_mail_repeats_nothing_that_the_customer_wrote(load: Load, mailer: Mailer):
    put(load, name="Your account is locked")

    assert "locked" not in json.dumps(mailer.ses.sent[0]["Content"])


def test_token_works_once(load: Load, mailer: Mailer):
    put(load)
    token = mailed_token(mailer)

    assert [confirm(load, token) for _ in range(2)] == [200, 410]


def test_token_is_kept_hashed(load: Load, mailer: Mailer):
    put(load)

    row = str(mailer.contact(BOB))
    assert mailed_token(mailer) not in row
    assert mailed_token(mailer).partition(".")[2] not in row


def test_expired_token_does_not_work(load: Load, mailer: Mailer):
    put(load)
    token = Token.parse(mailed_token(mailer))
    assert token is not None
    tomorrow = datetime.now(UTC) + timedelta(days=1, seconds=1)

    assert mailer.contacts.confirm(token, now=tomorrow) is False
    assert mailer.contacts.confirm(token, now=datetime.now(UTC)) is True


def test_only_the_newest_token_works(load: Load, mailer: Mailer):
    put(load, "old@example.com")
    old = mailed_token(mailer)
    put(load)

    assert confirm(load, old) == 410
    assert confirm(load, mailed_token(mailer)) == 200
    assert mailer.contact(BOB).email == EMAIL


@pytest.mark.parametrize("body", ["", "token=", "token=x", f"token=b0b.{'a' * 43}", "a" * 9_000])
def test_post_without_a_working_token_is_gone(load: Load, body: str):
    put(load)

    assert load("confirm_contact")({"body": body}, None)["statusCode"] == 410


def test_confirmed_address_stays_in_use_until_the_new_one_is_confirmed(load: Load, mailer: Mailer):
    assert put(load, customer="ada")[0] == 202

    mailer.send()
    assert mailer.ses.sent[-1]["Destination"] == {"ToAddresses": [ADDRESS]}
    confirm(load, mailed_token_of(mailer, EMAIL))
    mailer.send(order_id="o2")
    assert mailer.ses.sent[-1]["Destination"] == {"ToAddresses": [EMAIL]}


def mailed_token_of(mailer: Mailer, email: str) -> str:
    to = {"ToAddresses": [email]}
    mailer.ses.sent.sort(key=lambda mail: mail["Destination"] == to)
    return mailed_token(mailer)


def test_name_of_a_confirmed_contact_changes_at_once_and_drops_a_pending_one(
    load: Load, mailer: Mailer
):
    put(load, customer="ada")
    token = mailed_token(mailer)

    assert put(load, ADDRESS, "Countess", customer="ada") == (
        200,
        {"email": ADDRESS, "name": "Countess", "state": "CONFIRMED"},
    )

    assert len(mailer.ses.sent) == 1
    assert confirm(load, token) == 410
    found = mailer.contact("ada")
    assert (found.email, found.name) == (ADDRESS, "Countess")


def test_address_gets_at_most_three_confirmation_mails_a_day(load: Load, mailer: Mailer):
    variants = ("bob@example.com", "BOB@example.com", "bob+1@example.com", "bob@example.com")

    states = [put(load, each, customer=f"c{n}")[0] for n, each in enumerate(variants)]

    assert states == [202, 202, 202, 429]
    assert len(mailer.ses.sent) == 3
    assert mailer.contacts.find("c3") is None


def test_customer_causes_at_most_five_confirmation_mails_a_day(load: Load, mailer: Mailer):
    states = [put(load, f"{n}@example.com")[0] for n in range(6)]

    assert states == [202] * 5 + [429]
    assert len(mailer.ses.sent) == 5


def test_too_many_confirmations_name_the_time_to_wait(load: Load):
    for _ in range(3):
        put(load)
    answer = load("put_contact")(request(BOB, {"email": EMAIL, "name": "Bob"}), None)

    assert answer["statusCode"] == 429
    assert 0 < int(answer["headers"]["retry-after"]) <= 86_401


def test_counters_name_no_address_and_expire(load: Load, mailer: Mailer):
    put(load)

    rows = [
        from_item(row) for row in mailer.dynamodb.scan(TableName=mailer.counters_table)["Items"]
    ]
    assert len(rows) == 2
    assert "example" not in str(rows)
    now = datetime.now(UTC).timestamp()
    assert all(now < row["expires_at"] <= now + 86_400 for row in rows)


SES = "https://email.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    "failure",
    [
        *(refusal("Refused", 400), refusal("Refused", 503)),
        *(ReadTimeoutError(endpoint_url=SES), ConnectionClosedError(endpoint_url=SES)),
    ],
    ids=str,
)
def test_mail_that_could_not_be_sent_is_a_503_and_a_repeated_request_sends_another(
    load: Load, mailer: Mailer, failure: Exception
):
    mailer.ses.first = raising(failure)
    assert put(load)[0] == 503
    mailer.ses.first = lambda: None

    assert put(load)[0] == 202
    assert confirm(load, mailed_token(mailer)) == 200


def test_no_confirmation_is_sent_without_a_sender(load: Load, mailer: Mailer):
    answer = load("put_contact", sender="")(request(BOB, {"email": EMAIL, "name": "Bob"}), None)

    assert answer["statusCode"] == 202
    assert mailer.ses.sent == []


@pytest.mark.parametrize("body", [{}, {"email": "x", "name": "Bob"}, "not JSON", "[]"])
def test_bad_contact_is_rejected_and_leaves_no_trace(load: Load, mailer: Mailer, body: Any):
    answer = load("put_contact")(request(BOB, body), None)

    assert answer["statusCode"] == 400
    assert mailer.contacts.find(BOB) is None
    assert mailer.dynamodb.scan(TableName=mailer.counters_table)["Items"] == []


def everything(mailer: Mailer) -> str:
    tables = (mailer.contacts_table, mailer.records_table)
    return str([mailer.dynamodb.scan(TableName=table)["Items"] for table in tables])


def erase_as_operator(load: Load, *, dry_run: bool = False) -> Any:
    return load("erase_customer")({"customer_id": "ada", "dry_run": dry_run}, None)


def test_customer_erases_address_name_and_records_of_mails(load: Load, mailer: Mailer):
    mailer.send()
    mailer.send(kind="Invoice")
    put(load, customer="ada")

    for _ in range(2):
        assert load("delete_contact")(request("ada"), None) == {"statusCode": 204}

    left = everything(mailer)
    # As a whole value: the random claim of a record may have the letters of the id.
    assert [each for each in ("'ada'", ADDRESS, EMAIL, ADA.name, "m1") if each in left] == []


def test_erased_customer_gets_no_mail_a_second_time_and_none_anew(load: Load, mailer: Mailer):
    mailer.send()
    erase_as_operator(load)

    assert mailer.send().state == "SENT"
    assert mailer.send(order_id="o2").state == "NO_ADDRESS"
    assert len(mailer.ses.sent) == 1


def test_pending_token_of_an_erased_customer_does_not_work(load: Load, mailer: Mailer):
    put(load)
    load("delete_contact")(request(BOB), None)

    assert confirm(load, mailed_token(mailer)) == 410
    assert mailer.contacts.find(BOB) is None


def test_erasing_a_customer_leaves_others_alone(load: Load, mailer: Mailer):
    mailer.send()

    load("delete_contact")(request(BOB), None)

    assert mailer.contacts.find("ada") == ADA
    assert "'ada'" in str(mailer.dynamodb.scan(TableName=mailer.records_table)["Items"])


def test_record_that_the_index_still_lists_does_not_come_back(mailer: Mailer):
    assert mailer.records.clear_customer(("o1", "Invoice")) is False
    assert mailer.states() == {}


def test_operator_sees_what_would_be_erased_and_what_was(load: Load, mailer: Mailer):
    mailer.send()
    mailer.send(kind="Invoice")
    wanted = {"contact": True, "emails": 2}

    assert erase_as_operator(load, dry_run=True) == wanted
    assert mailer.contacts.find("ada") == ADA
    assert erase_as_operator(load) == wanted
    assert erase_as_operator(load) == {"contact": False, "emails": 0}
