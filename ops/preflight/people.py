"""Checks of those who are reached by e-mail: customers, and receivers of alarms."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from ops.environment.leftovers import MAIL_SENDER
from ops.preflight.findings import Finding, Preflight, fine, note, stop

IDENTITY, SUBSCRIPTION = "AWS::SES::EmailIdentity", "AWS::SNS::Subscription"
TOPIC_OUTPUT = "OperationsTopic"
SANDBOX = "https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html"


def check_mail(preflight: Preflight) -> Iterator[Finding]:
    """SES: the sender's identity, and the sandbox."""
    outputs = {
        name: output["Value"]
        for template in preflight.wanted.values()
        for name, output in template.get("Outputs", {}).items()
    }
    if MAIL_SENDER not in outputs:
        yield note("no sender is set: e-mails are recorded and not sent")
        return
    sender, identity = outputs[MAIL_SENDER], outputs["MailIdentity"]
    ses = preflight.client("sesv2")
    owned = bool(list(preflight.properties(IDENTITY)))
    owns = bool(list(preflight.there.resources(IDENTITY)))
    try:
        verified = ses.get_email_identity(EmailIdentity=identity)["VerifiedForSendingStatus"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        if owned:
            yield note(f"SES will ask {identity} for confirmation: follow the link in its e-mail")
        else:
            yield stop(
                f"SES has no identity {identity} in {preflight.region}: make it there, or set "
                "owned=True for the sender"
            )
        return
    if owned and not owns:
        yield stop(f"SES has an identity {identity} already: set owned=False for the sender")
    elif not verified:
        yield note(f"{identity} is not verified in SES yet: e-mails from {sender} will fail")
    else:
        yield fine(f"e-mails come from {sender}")
    if not ses.get_account()["ProductionAccessEnabled"]:
        yield note(f"SES is in its sandbox: it sends to verified addresses only; see {SANDBOX}")


def check_subscribers(preflight: Preflight) -> Iterator[Finding]:
    """Who receives alarms."""
    wanted = [
        str(properties.get("Endpoint"))
        for properties in preflight.properties(SUBSCRIPTION)
        if properties.get("Protocol") == "email"
    ]
    topics = [
        topic
        for topic in preflight.there.resources("AWS::SNS::Topic")
        if topic.stack.endswith("-Operations")
    ]
    found = [
        subscription
        for topic in topics
        for page in preflight.client("sns")
        .get_paginator("list_subscriptions_by_topic")
        .paginate(TopicArn=topic.physical)
        for subscription in page["Subscriptions"]
    ]
    pending = [
        each["Endpoint"] for each in found if each["SubscriptionArn"] == "PendingConfirmation"
    ]
    confirmed = len(found) - len(pending)
    if pending:
        yield note(f"{', '.join(pending)} did not confirm the subscription to alarms yet")
    if confirmed or wanted:
        yield fine(f"{confirmed} receive alarms, and {len(wanted)} addresses are set")
    else:
        yield note(
            "nobody receives alarms: set alarm_addresses in stacks/environments.py, or subscribe "
            f"to the topic of the output {TOPIC_OUTPUT}"
        )
