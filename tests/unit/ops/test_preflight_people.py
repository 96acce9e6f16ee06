"""Who sends mail, and who receives alarms."""

import pytest

from ops.preflight import people
from ops.preflight.findings import Verdict
from tests.unit.ops.account_fakes import (
    answering,
    client_error,
    fake_client,
    preflight,
    raising,
    template,
)
from tests.unit.ops.preflight_templates import FINE, IDENTITY, NOTE, QUEUE, STOP, found

SENDING = {"MailSender": "orders@your.shop", "MailIdentity": "your.shop"}


@pytest.mark.parametrize(
    ("owned", "owns", "identity", "production", "verdicts"),
    [
        (False, False, None, True, [STOP]),
        (True, False, None, True, [NOTE]),
        (True, False, True, True, [STOP]),
        (True, True, True, True, [FINE]),
        (False, False, True, True, [FINE]),
        (False, False, False, True, [NOTE]),
        (False, False, True, False, [FINE, NOTE]),
    ],
)
def test_sender_needs_an_identity_that_is_verified_and_is_not_made_twice(
    owned: bool, owns: bool, identity: bool | None, production: bool, verdicts: list[Verdict]
):
    there = answering(VerifiedForSendingStatus=identity)
    missing = raising(client_error("NotFoundException"))
    of = preflight(
        wanted={"Orders-Dev-Mail": template(*[IDENTITY] * owned, outputs=SENDING)},
        there={"Orders-Dev-Mail": template(*[IDENTITY] * owns)},
        sesv2=fake_client(
            get_email_identity=missing if identity is None else there,
            get_account=answering(ProductionAccessEnabled=production),
        ),
    )

    assert found(people.check_mail, of) == verdicts


def test_environment_without_sender_is_noted():
    assert found(people.check_mail, preflight(wanted={"Orders-Dev-Mail": template()})) == [NOTE]


@pytest.mark.parametrize(
    ("arns", "addresses", "verdicts"),
    [
        ([], 0, [NOTE]),
        ([], 1, [FINE]),
        (["arn"], 0, [FINE]),
        (["PendingConfirmation"], 0, [NOTE, NOTE]),
        (["PendingConfirmation"], 1, [NOTE, FINE]),
    ],
)
def test_alarms_that_nobody_receives_are_noted(
    arns: list[str], addresses: int, verdicts: list[Verdict]
):
    subscription = {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"Protocol": "email", "Endpoint": "on-call@your.shop"},
    }
    subscriptions = [{"SubscriptionArn": arn, "Endpoint": "on-call@your.shop"} for arn in arns]
    of = preflight(
        wanted={"Orders-Dev-Operations": template(S=subscription if addresses else QUEUE)},
        there={"Orders-Dev-Operations": template("AWS::SNS::Topic")},
        sns=fake_client({"list_subscriptions_by_topic": [{"Subscriptions": subscriptions}]}),
    )

    assert found(people.check_subscribers, of) == verdicts
