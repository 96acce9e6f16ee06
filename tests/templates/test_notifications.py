"""Whether mails are sent at all, and who may send them, is the environment's."""

from typing import Any

import pytest
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from lambdas.notifications.mail_sender import TRIES
from lambdas.runtime.aws import SINGLE_ATTEMPT
from stacks.environments import ENVIRONMENTS, LAPTOP, Environment
from tests.templates.checks.common import CHECKS, permissions
from tests.templates.kinds import ALARM, BUCKET, FUNCTION, INVOKE_CONFIG, RULE, SUBSCRIPTION
from tests.templates.synthesis import OPTIONS, Platform, platform, synthesis_of

IDENTITY = "AWS::SES::EmailIdentity"
SENDER = "orders@shop.example"
MAILER = "NotifyCustomer"
"""The function that sends mails about orders; one more asks for confirmation of addresses."""


def sending() -> Platform:
    return synthesis_of(LAPTOP).platform


def may_send(of: Platform) -> dict[str, Any]:
    """On which resources which roles may do anything of SES's."""
    return {
        role.id.partition("Role")[0]: statement["Resource"]
        for role, statement in permissions(of)
        if "ses:" in str(statement["Action"])
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_function_may_send_without_a_sender(environment: str):
    of = platform(environment)

    assert list(of.all(IDENTITY)) == []
    assert may_send(of) == {}
    variables = of.one(FUNCTION, MAILER).properties["Environment"]["Variables"]
    assert variables["SENDER"] == ""


def test_two_functions_may_send_from_the_senders_identity():
    of = sending()
    identity = of.one(IDENTITY)
    assert identity.properties["EmailIdentity"] == SENDER
    for resource in may_send(of).values():
        *_, name = resource["Fn::Join"][1]
        assert name == {"Ref": identity.id}
    assert set(may_send(of)) == {MAILER, "ContactsPutContact"}
    variables = of.one(FUNCTION, MAILER).properties["Environment"]["Variables"]
    assert variables["SENDER"] == SENDER


def test_existing_identity_is_used_and_not_owned():
    of = synthesis_of(OPTIONS).platform

    assert list(of.all(IDENTITY)) == []
    assert set(may_send(of)) == {MAILER, "ContactsPutContact"}
    for resource in may_send(of).values():
        *_, name = resource["Fn::Join"][1]
        assert name.endswith(":identity/shop.example")


@pytest.mark.parametrize("env", [LAPTOP, OPTIONS], ids=["laptop", "owner"])
def test_every_check_holds_with_every_option(env: Environment):
    synthesis = synthesis_of(env)
    app = synthesis.app

    assert [line for check in CHECKS for line in check(synthesis.platform)] == []
    for pack in (AwsSolutionsChecks(app), ServerlessChecks(app)):
        assert pack.validate_scope(app).violations == []


def test_invoices_are_versioned_and_locked_in_prod_only():
    invoices = platform("prod").one(BUCKET, "Invoices").properties

    assert invoices["VersioningConfiguration"] == {"Status": "Enabled"}
    lock = invoices["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert lock == {"Mode": "GOVERNANCE", "Days": 3_653}
    assert "ObjectLockConfiguration" not in platform("dev").one(BUCKET, "Invoices").properties


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_invoice_is_written_only_if_it_is_new(environment: str):
    (right,) = (
        statement
        for role, statement in permissions(platform(environment))
        if role.id.startswith("IssueInvoice") and statement["Action"] == "s3:PutObject"
    )

    assert right["Condition"] == {"Null": {"s3:if-none-match": "false"}}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_concurrency_is_reserved_where_the_environment_says(environment: str):
    of = platform(environment)
    reserved = {
        name: of.one(FUNCTION, name).properties.get("ReservedConcurrentExecutions")
        for name in (MAILER, "IssueInvoice")
    }

    assert set(reserved.values()) == {of.environment.notification_concurrency}


@pytest.mark.parametrize(("environment", "wait"), [("dev", 8), ("prod", 310)])
def test_mail_that_ses_throttles_waits_within_one_invocation(environment: str, wait: int):
    """Without a concurrency of their own, mails that wait could take all of the account's."""
    mailer = platform(environment).one(FUNCTION, MAILER).properties
    first = int(mailer["Environment"]["Variables"]["THROTTLED_MILLISECONDS"]) / 1_000
    longest = sum(first * 2**n for n in range(TRIES - 1))

    assert wait - 1 < longest <= wait
    assert mailer["Timeout"] == wait + 29


@pytest.mark.parametrize("function", [MAILER, "ContactsPutContact"])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_answer_of_ses_that_comes_late_is_still_written_down(environment: str, function: str):
    """A function that is cut off while it waits leaves a mail that nobody may send again."""
    sends = platform(environment).one(FUNCTION, function).properties

    assert sends["Timeout"] - vars(SINGLE_ATTEMPT)["read_timeout"] >= 4


@pytest.mark.parametrize("function", [MAILER, "IssueInvoice"])
def test_lost_outcomes_raise_an_alarm(function: str):
    of = platform("dev")
    found = of.one(FUNCTION, function)
    rung = {
        alarm.properties["MetricName"]
        for alarm in of.all(ALARM)
        # An alarm of a computed metric has no dimensions of its own.
        if alarm.properties.get("Dimensions")
        == [{"Name": "FunctionName", "Value": {"Ref": found.id}}]
        and alarm.properties["AlarmActions"]
        and alarm.properties["Threshold"] == 0
    }

    assert rung == {"DestinationDeliveryFailures", "DeadLetterErrors"}


@pytest.mark.parametrize(
    ("function", "outcomes"),
    [
        ("NotifyCustomer", {"OnSuccess": "Bus", "OnFailure": "NotifyCustomerFailureRecords"}),
        ("IssueInvoice", {"OnSuccess": "NotifyCustomer", "OnFailure": "FailedInvoices"}),
    ],
)
def test_outcomes_go_to_their_destinations(function: str, outcomes: dict[str, str]):
    of = platform("dev")
    (config,) = (c for c in of.all(INVOKE_CONFIG) if c.id.startswith(function))
    properties = config.properties
    found = {
        outcome: of.referred(config.stack, destination["Destination"])
        for outcome, destination in properties["DestinationConfig"].items()
    }

    assert {outcome: place and place.id[:-8] for outcome, place in found.items()} == outcomes
    assert properties["MaximumRetryAttempts"] == 2
    assert properties["MaximumEventAgeInSeconds"] == 6 * 60 * 60
    dead = of.one(FUNCTION, function).properties["DeadLetterConfig"]["TargetArn"]
    queue = of.referred(config.stack, dead)
    assert queue is not None
    assert queue.id.startswith(f"{function}DeadLetters")


def test_confirmed_order_reaches_the_mail_by_its_invoice_only():
    """Written or failed: each goes one way, and both end at the same function."""
    of = platform("dev")
    notified = of.one(RULE, "NotifyRule").properties["EventPattern"]["detail-type"]
    subscribed = {
        subscriber and subscriber.id[:-8]
        for each in of.all(SUBSCRIPTION)
        if (topic := of.referred(each.stack, each.properties["TopicArn"]))
        and topic.id.startswith("FailedInvoices")
        for subscriber in [of.referred(each.stack, each.properties["Endpoint"])]
    }

    assert sorted(notified) == ["OrderCancelled", "OrderDispatched", "OrderRejected"]
    assert subscribed == {"IssueInvoiceFailureRecords", "NotifyCustomer"}
