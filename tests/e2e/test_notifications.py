"""Mails, notices in the timeline and invoices that follow events; and what becomes of failures."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from demo import api_client
from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.orders import OrderDispatched
from lambdas.contracts.parsing import parse_detail
from tests.support.cli import run_ops
from tests.support.deliveries import attributes, eventually, received
from tests.support.grants import physical
from tests.support.listeners import invoked
from tests.support.notifications_env import SENDER, Platform, deployed
from tests.support.small_stacks import lines
from tests.support.tokens import subject

ADDRESS = "ada@example.com"
NOTIFY = "lambdas/notifications/notify_customer.py"
DIES = """
import os

mail_sender._ses.send_email = lambda **mail: os._exit(1)
"""
"""At the end of the function's module: when a mail is to be sent, the process is gone."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with deployed(tmp_path_factory.mktemp("assembly")) as platform:
        yield platform


@pytest.fixture(scope="module", autouse=True)
def reachable(platform: Platform) -> None:
    """Ada says where to write to, and confirms it by the link in the mail that she gets."""
    url = f"{platform.outputs['ApiUrl']}/contact"
    contact = {"email": ADDRESS, "name": "Ada"}
    assert platform.ask("PUT", url, "", contact)[0] == 401
    status, bad = platform.ask("PUT", url, platform.ada, {"email": "ada", "name": "Ada"})
    assert (status, [problem["field"] for problem in bad["errors"]]) == (400, ["email"])
    unconfirmed = {**contact, "state": "UNCONFIRMED"}
    assert platform.ask("PUT", url, platform.ada, contact) == (202, unconfirmed)
    (link,) = platform.mailbox.links()
    http = api_client.http(platform.cloud)
    page = http.request("GET", f"{link.page}?token={link.token}")
    assert (page.status, f'value="{link.token}"' in page.data.decode()) == (200, True)
    # Following the link has confirmed nothing; the button does.
    assert platform.ask("PUT", url, platform.ada, contact) == (202, unconfirmed)
    (newest,) = platform.mailbox.links()
    for link in (newest, newest):
        platform.mailbox.confirm(link)
    confirmed = {**contact, "state": "CONFIRMED"}
    assert platform.ask("PUT", url, platform.ada, contact) == (200, confirmed)


def test_event_becomes_a_mail_and_a_destination_event_as_aws_writes_it(platform: Platform):
    published = platform.confirm("o1")

    event = next(
        event
        for message in received(platform.cloud, platform.destination_events)
        if (event := json.loads(message["Body"]))
    )
    record = event["detail"]
    answer = parse_detail(CustomerNotified, record["responsePayload"])
    function = platform.function_arn("NotifyCustomer")
    assert (event["source"], event["detail-type"]) == (
        "lambda",
        "Lambda Function Invocation Result - Success",
    )
    bus = f"arn:aws:events:{platform.cloud.region}:{platform.cloud.account}:event-bus/Orders"
    assert event["resources"] == [bus, function]
    request = record["requestContext"]
    assert {**request, "requestId": "", "timestamp": record["timestamp"]} == {
        "requestId": "",
        "functionArn": function,
        "condition": "Success",
        "approximateInvokeCount": 1,
        "timestamp": record["timestamp"],
    }
    assert record["version"] == "1.0"
    # It was itself invoked with Lambda's record: of the invoice, which it attached.
    issued = record["requestPayload"]
    assert issued["requestContext"]["functionArn"] == platform.function_arn("IssueInvoice")
    assert issued["requestPayload"]["detail"]["metadata"]["event_id"] == published.metadata.event_id
    assert issued["responsePayload"]["number"] == "INV-o1"
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert (answer.data.notice, answer.data.result) == ("OrderConfirmed", "SENT")
    assert ADDRESS not in json.dumps(event)

    (mail,) = platform.sent("o1")
    assert mail["Subject"] == "Your order o1 is confirmed"
    assert "the invoice is enclosed" in mail["BodyText"]
    assert (mail["Source"], mail["To"]) == (SENDER, [ADDRESS])
    assert platform.mails("o1") == {"OrderConfirmed": "SENT"}


def test_timeline_shows_the_notices_to_the_customer(platform: Platform):
    platform.confirm("o2")
    dispatched = OrderDispatched(order_id="o2", customer_id=subject(platform.ada))
    platform.publish("o2", 3, dispatched)

    assert eventually(lambda: len(platform.notices("o2")) == 2)
    notices = platform.notices("o2")
    assert {(notice["notice"], notice["result"]) for notice in notices} == {
        ("OrderConfirmed", "SENT"),
        ("OrderDispatched", "SENT"),
    }
    assert {notice["service"] for notice in notices} == {"notifications"}


def test_redelivered_event_causes_one_mail_with_one_invoice(platform: Platform):
    platform.confirm("o3", times=8)

    assert eventually(lambda: platform.mails("o3") == {"OrderConfirmed": "SENT"})
    (first,) = platform.invoices("o3")
    platform.confirm("o3", times=2)

    def each_time(function: str) -> bool:
        return eventually(lambda: len(platform.said(function, "o3")) == 10)

    assert all(map(each_time, ("IssueInvoice", "NotifyCustomer")))
    assert sum('"new": true' in line for line in platform.said("IssueInvoice", "o3")) == 1
    assert platform.invoices("o3") == [first]
    assert platform.mails("o3") == {"OrderConfirmed": "SENT"}
    assert platform.subjects("o3") == ["Your order o3 is confirmed"]


def test_customer_without_an_address_is_recorded_as_such(platform: Platform):
    platform.confirm("o4", token=platform.bob)

    assert eventually(lambda: platform.mails("o4") == {"OrderConfirmed": "NO_ADDRESS"})
    (notice,) = eventually(lambda: platform.notices("o4", platform.bob))
    assert notice["result"] == "NO_ADDRESS"
    assert len(platform.invoices("o4")) == 1
    assert platform.sent("o4") == []


def test_customer_who_has_not_confirmed_gets_no_mail_and_nothing_is_dead_lettered(
    platform: Platform,
):
    url = f"{platform.outputs['ApiUrl']}/contact"
    contact = {"email": "bob@example.com", "name": "Bob"}
    assert platform.ask("PUT", url, platform.bob, contact)[0] == 202
    platform.confirm("o4u", token=platform.bob)

    assert eventually(lambda: platform.mails("o4u") == {"OrderConfirmed": "UNCONFIRMED"})
    (notice,) = eventually(lambda: platform.notices("o4u", platform.bob))
    assert notice["result"] == "UNCONFIRMED"
    assert platform.sent("o4u") == []

    assert platform.ask("DELETE", url, platform.bob) == (204, None)
    platform.confirm("o4e", token=platform.bob)
    assert eventually(lambda: platform.mails("o4e") == {"OrderConfirmed": "NO_ADDRESS"})


def test_operator_erases_a_customer_with_the_function_of_the_command(platform: Platform):
    platform.confirm("o4o", token=platform.bob)
    assert eventually(lambda: platform.mails("o4o"))

    def erase(*, dry_run: bool) -> Any:
        response = platform.cloud.client("lambda").invoke(
            FunctionName=platform.outputs["EraseCustomerFunction"],
            Payload=json.dumps({"customer_id": subject(platform.bob), "dry_run": dry_run}),
        )
        return json.loads(response["Payload"].read())

    assert erase(dry_run=True)["emails"] >= 2
    assert subject(platform.bob) in platform.email_records()
    assert erase(dry_run=False)["emails"] >= 2
    assert subject(platform.bob) not in platform.email_records()


def test_mail_without_a_sender_is_recorded_as_not_sent(platform: Platform):
    with platform.setting("NotifyCustomer", SENDER=""):
        platform.confirm("o5")
        assert eventually(lambda: platform.mails("o5") == {"OrderConfirmed": "RECORDED"})

    assert platform.sent("o5") == []


def gave_up(record: Any, function: str, *, error: str, event: Any) -> None:
    """Check the record of an invocation that failed three times."""
    assert set(record) == {
        *("version", "timestamp", "requestContext", "requestPayload"),
        *("responseContext", "responsePayload"),
    }
    assert {**record["requestContext"], "requestId": ""} == {
        "requestId": "",
        "functionArn": function,
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorType"] == error
    assert record["requestPayload"] == event


def test_mail_from_a_foreign_identity_is_dead_lettered_and_redriven(
    platform: Platform,
):
    with platform.setting("NotifyCustomer", SENDER="somebody@else.example"):
        published = platform.confirm("o6")
        dead_letter = platform.dead_letter("NotifyCustomerFailureRecords")
        dead = platform.dead_letter("NotifyCustomerDeadLetters")

    event = json.loads(dead["Body"])
    confirmed = event["requestPayload"]
    assert confirmed["detail"]["metadata"]["event_id"] == published.metadata.event_id
    gave_up(
        json.loads(dead_letter["Body"]),
        platform.function_arn("NotifyCustomer"),
        error="EmailRejectedError",
        event=event,
    )
    said = attributes(dead)
    assert set(said) == {"RequestID", "ErrorCode", "ErrorMessage"}
    assert said["ErrorCode"] == "200"
    assert said["ErrorMessage"] == "SES rejected the e-mail: AccessDeniedException"
    assert platform.mails("o6") == {}

    platform.invoke("NotifyCustomer", event)

    assert eventually(lambda: platform.mails("o6") == {"OrderConfirmed": "SENT"})


def test_mail_whose_sender_died_is_dead_lettered_and_not_sent_again(platform: Platform):
    with platform.dying("NotifyCustomer", NOTIFY, DIES):
        platform.confirm("o7")
        dead_letter = platform.dead_letter("NotifyCustomerFailureRecords")
        event = json.loads(platform.dead_letter("NotifyCustomerDeadLetters")["Body"])

    gave_up(
        json.loads(dead_letter["Body"]),
        platform.function_arn("NotifyCustomer"),
        error="EmailOutcomeUnknownError",
        event=event,
    )
    assert platform.mails("o7") == {"OrderConfirmed": "SENDING"}
    platform.invoke("NotifyCustomer", event)
    platform.dead_letter("NotifyCustomerFailureRecords")
    platform.dead_letter("NotifyCustomerDeadLetters")
    assert platform.sent("o7") == []


def test_confirmation_goes_alone_when_its_invoice_fails_and_the_redriven_invoice_follows(
    platform: Platform,
):
    with platform.setting("IssueInvoice", INVOICES_BUCKET="there-is-no-such-bucket"):
        platform.confirm("o8")
        message = platform.dead_letter("IssueInvoiceFailureRecords")
        dead = platform.dead_letter("IssueInvoiceDeadLetters")

    event = json.loads(dead["Body"])
    record = json.loads(message["Body"])
    error = record["responsePayload"]["errorType"]
    gave_up(record, platform.function_arn("IssueInvoice"), error=error, event=event)
    assert error in ("NoSuchBucket", "ClientError")
    assert set(attributes(dead)) == {"RequestID", "ErrorCode", "ErrorMessage"}
    assert eventually(lambda: platform.mails("o8") == {"OrderConfirmed": "SENT"})
    (mail,) = platform.sent("o8")
    assert "the invoice follows" in mail["BodyText"]
    assert eventually(lambda: [notice["result"] for notice in platform.notices("o8")] == ["SENT"])

    for _ in range(2):
        platform.invoke("IssueInvoice", event)

    both = {"OrderConfirmed": "SENT", "Invoice": "SENT"}
    assert eventually(lambda: platform.mails("o8") == both)
    assert eventually(lambda: len(platform.said("NotifyCustomer", "o8")) == 3)
    assert platform.subjects("o8") == ["Invoice INV-o8", "Your order o8 is confirmed"]
    assert len(platform.invoices("o8")) == 1
    assert len(platform.notices("o8")) == 1


def test_order_that_notifications_missed_is_invoiced_and_mailed_after_a_replay(platform: Platform):
    cloud, bus = platform.cloud, platform.outputs["EventBus"]
    events, rules = cloud.client("events"), physical(cloud, "AWS::Events::Rule")
    (live,) = (rules[id].rpartition("|")[2] for id in rules if id.startswith("Invoice"))
    since = datetime.now(UTC).replace(microsecond=0)
    events.disable_rule(EventBusName=bus, Name=live)
    platform.confirm("missed")
    assert eventually(lambda: lines(cloud, platform.outputs["EventLogGroup"], "missed"))
    events.enable_rule(EventBusName=bus, Name=live)
    assert platform.mails("missed") == {}
    arn = platform.function_arn("IssueInvoice").removesuffix(":$LATEST")
    replay = ("events", "replay", "--from", since.isoformat(), "--rule", "mine", "--yes")
    with invoked(cloud, bus, detail_type="OrderConfirmed", rule="mine", function=arn):
        assert run_ops(cloud, *replay)[0] == 0
        assert eventually(lambda: platform.mails("missed") == {"OrderConfirmed": "SENT"})
    assert len(platform.invoices("missed")) == 1
