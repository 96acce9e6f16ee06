"""The functions of notifications that events invoke: they send e-mails and issue invoices."""

from functools import partial
from math import ceil

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.notifications import CustomerNotified
from stacks.constructs.async_function import AsyncFunction
from stacks.constructs.bucket import ServiceBucket
from stacks.constructs.destinations import to_bus, to_function, to_topic
from stacks.constructs.failure_topic import FailureTopic
from stacks.constructs.grants import grant
from stacks.constructs.packages import PackagesLayer
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment

ANSWER_SECONDS = 29
"""It waits long for SES's response, because a lost response cannot be requested again."""
FIRST_WAIT, SHORT_FIRST_WAIT = 10_000, 250
"""How long at most an e-mail that SES throttles waits before its second try, in milliseconds.

With Lambda's two retries, SES may throttle for ten minutes, as AWS says. Other e-mails wait in
Lambda's queue meanwhile. That takes a concurrency of its own. Without one, those that wait could
take all of the account's, so the waits are short.
https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html
"""
WAITS = 31
"""How many times that all waits take: each of the five is twice as long as the one before."""


class NotificationFunctions:
    """The functions, each an attribute named after its handler; ``scope`` owns them."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        customers: ServiceTable,
        email_records: ServiceTable,
        invoices: ServiceBucket,
        bus: events.IEventBus,
        alarms: sns.ITopic,
    ) -> None:
        """Declare the functions and the destinations of their outcomes."""
        invoices_settings = {"INVOICES_BUCKET": invoices.bucket_name}
        function = partial(
            AsyncFunction,
            scope,
            env=env,
            alarms=alarms,
            timeout=Duration.seconds(ANSWER_SECONDS),
            reserved_concurrency=env.notification_concurrency,
        )
        wait = FIRST_WAIT if env.notification_concurrency else SHORT_FIRST_WAIT
        self.notify_customer = function(
            id="NotifyCustomer",
            handler="notifications.notify_customer",
            timeout=Duration.seconds(ANSWER_SECONDS + ceil(wait * WAITS / 1_000)),
            settings={
                **invoices_settings,
                "CUSTOMERS_TABLE": customers.table_name,
                "EMAIL_RECORDS_TABLE": email_records.table_name,
                "THROTTLED_MILLISECONDS": str(wait),
                "SENDER": env.sender.address if env.sender else "",
            },
            on_success=to_bus(bus, CustomerNotified),
        )
        # fpdf2 and its dependencies without images, all in pure Python: docs/adr/0021.
        writer = PackagesLayer(scope, "Writer", packages=["fpdf2", "fonttools", "defusedxml"])
        failed_invoices = FailureTopic(
            scope, "FailedInvoices", consumer="IssueInvoice", alarms=alarms
        )
        # The confirmation waits for its invoice, and goes without one that failed: docs/adr/0045.
        failed_invoices.invoke(self.notify_customer)
        self.issue_invoice = function(
            id="IssueInvoice",
            handler="notifications.issue_invoice",
            settings=invoices_settings,
            memory_mib=512,
            layers=[writer],
            on_success=to_function(self.notify_customer),
            on_failure=to_topic(failed_invoices),
        )

    def grant_access(
        self, *, customers: ServiceTable, email_records: ServiceTable, invoices: ServiceBucket
    ) -> None:
        """Grant each function the actions that it uses on the tables and the bucket."""
        grant_invoices = partial(
            invoices.grant_objects,
            objects="invoices/*",
            reason="one object for each order, and the order names it",
        )
        grant_invoices(self.issue_invoice.role, "s3:PutObject", only_new=True)
        grant_invoices(self.notify_customer.role, "s3:GetObject")
        grant(self.notify_customer, "dynamodb:GetItem", on=customers.table_arn)
        grant(
            self.notify_customer,
            *("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
            on=email_records.table_arn,
        )

    def grant_send(self, identity: str) -> None:
        """Allow e-mails to be sent from the SES identity with this ARN."""
        # SES may require the second too for an attachment.
        grant(self.notify_customer, "ses:SendEmail", "ses:SendRawEmail", on=identity)
