"""Notifications: notifies customers of their orders by e-mail, and issues invoices."""

from functools import partial

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.notifications import NOTIFIED_EVENTS, CustomerNotified
from lambdas.contracts.orders import OrderConfirmed
from stacks.constructs.async_function import AsyncFunction
from stacks.constructs.bucket import ServiceBucket
from stacks.constructs.destinations import to_bus, to_function, to_topic
from stacks.constructs.event_rule import EventRule
from stacks.constructs.grants import grant
from stacks.constructs.http_api import HttpApi
from stacks.constructs.packages import PackagesLayer
from stacks.constructs.table import ServiceTable
from stacks.contacts import Contacts
from stacks.environments import Environment


class NotificationsStack(Stack):
    """Customers' contacts, the e-mails to them with their outcomes, and their invoices."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        bus: events.IEventBus,
        alarms: sns.ITopic,
        http_api: HttpApi,
    ) -> None:
        super().__init__(scope, env.stack_name("Notifications"))

        # State
        customers = ServiceTable(self, "Customers", env=env, key="customer_id")
        email_records = ServiceTable(
            self,
            "EmailRecords",
            env=env,
            key="order_id",
            sort_key="kind",
            # Erasing a customer asks for the customer's records.
            indexes=[("customer_id", "order_id")],
        )
        # Accounts have to be kept for ten years.
        invoices = ServiceBucket(
            self,
            "Invoices",
            env=env,
            retention=Duration.days(3_653),
            reason="one function writes to it and one reads; both log which invoice they had",
            locked=True,
        )

        # Functions
        invoices_settings = {"INVOICES_BUCKET": invoices.bucket_name}
        mail_settings = {
            "CUSTOMERS_TABLE": customers.table_name,
            "EMAIL_RECORDS_TABLE": email_records.table_name,
            "SENDER": env.sender or "",
        }
        function = partial(
            AsyncFunction,
            self,
            env=env,
            alarms=alarms,
            reserved_concurrency=env.notification_concurrency,
        )
        notify_customer = function(
            id="NotifyCustomer",
            handler="notifications.notify_customer",
            settings=mail_settings,
            timeout=Duration.seconds(15),
            on_success=to_bus(bus, CustomerNotified),
        )
        email_invoice = function(
            id="EmailInvoice",
            handler="notifications.email_invoice",
            settings={**mail_settings, **invoices_settings},
            timeout=Duration.seconds(15),
        )
        # fpdf2 and its dependencies without images, all in pure Python: docs/adr/0021.
        writer = PackagesLayer(self, "Writer", packages=["fpdf2", "fonttools", "defusedxml"])
        issue_invoice = function(
            id="IssueInvoice",
            handler="notifications.issue_invoice",
            settings=invoices_settings,
            timeout=Duration.seconds(15),
            memory_mib=512,
            layers=[writer],
            on_success=to_function(email_invoice),
            on_failure=to_topic(alarms),
        )

        # Flow: events invoke functions, whose outcomes go to the bus; the API takes contacts
        rule = partial(EventRule, self, bus=bus, alarms=alarms)
        rule(
            id="Notify",
            event=NOTIFIED_EVENTS,
            label="order status events",
            target=partial(targets.LambdaFunction, notify_customer),
        )
        rule(
            id="Invoice",
            event=OrderConfirmed,
            target=partial(targets.LambdaFunction, issue_invoice),
        )
        contacts = Contacts(
            self,
            "Contacts",
            env=env,
            http_api=http_api,
            customers=customers,
            email_records=email_records,
        )

        # Grants
        invoice_objects = {
            "objects": "invoices/*",
            "reason": "one object for each order, and the order names it",
        }
        invoices.grant_objects(issue_invoice.role, "s3:PutObject", **invoice_objects)
        invoices.grant_objects(email_invoice.role, "s3:GetObject", **invoice_objects)
        for function_ in (notify_customer, email_invoice):
            grant(function_, "dynamodb:GetItem", on=customers.table_arn)
            grant(
                function_,
                *("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
                on=email_records.table_arn,
            )
        if env.sender:
            identity = ses.EmailIdentity(
                self, "Sender", identity=ses.Identity.email(env.sender)
            ).email_identity_arn
            grant(notify_customer, "ses:SendEmail", on=identity)
            grant(contacts.put_contact, "ses:SendEmail", on=identity)
            # SES may require this too for an attachment.
            grant(email_invoice, "ses:SendEmail", "ses:SendRawEmail", on=identity)

        CfnOutput(self, "EraseCustomerFunction", value=contacts.erase_customer.function_name)
        CfnOutput(self, "EmailRecordsTable", value=email_records.table_name)
        CfnOutput(self, "InvoicesBucket", value=invoices.bucket_name)
