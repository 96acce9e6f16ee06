"""Notifications: notifies customers of their orders by e-mail, and issues invoices."""

from functools import partial

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.notifications import NOTIFIED_EVENTS
from lambdas.contracts.orders import OrderConfirmed
from stacks.constructs.bucket import ServiceBucket
from stacks.constructs.event_rule import EventRule
from stacks.constructs.grants import grant
from stacks.constructs.http_api import HttpApi
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment
from stacks.notifications.contacts import Contacts
from stacks.notifications.functions import NotificationFunctions
from stacks.sender import Sender


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
            # The erasure of a customer queries the customer's records by this index.
            indexes=[("customer_id", "order_id")],
        )
        # The law requires accounts to be kept for ten years.
        invoices = ServiceBucket(
            self,
            "Invoices",
            env=env,
            retention=Duration.days(3_653),
            reason="one function writes to it and one reads; both log which invoice they had",
            locked=True,
        )

        # Functions
        functions = NotificationFunctions(
            self,
            env=env,
            customers=customers,
            email_records=email_records,
            invoices=invoices,
            bus=bus,
            alarms=alarms,
        )

        # Flow: events invoke functions, whose outcomes go to the bus; the API takes contacts
        rule = partial(EventRule, self, bus=bus, alarms=alarms)
        rule(
            id="Notify",
            event=NOTIFIED_EVENTS,
            label="order status events",
            target=partial(targets.LambdaFunction, functions.notify_customer),
        )
        rule(
            id="Invoice",
            event=OrderConfirmed,
            target=partial(targets.LambdaFunction, functions.issue_invoice),
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
        functions.grant_access(customers=customers, email_records=email_records, invoices=invoices)
        if env.sender:
            identity = self._identity(env.sender).email_identity_arn
            functions.grant_send(identity)
            grant(contacts.put_contact, "ses:SendEmail", on=identity)
            CfnOutput(self, "MailSender", value=env.sender.address)
            CfnOutput(self, "MailIdentity", value=env.sender.identity)

        CfnOutput(self, "EraseCustomerFunction", value=contacts.erase_customer.function_name)
        CfnOutput(self, "EmailRecordsTable", value=email_records.table_name)
        CfnOutput(self, "InvoicesBucket", value=invoices.bucket_name)

    def _identity(self, sender: Sender) -> ses.IEmailIdentity:
        if not sender.owned:
            return ses.EmailIdentity.from_email_identity_name(self, "Sender", sender.identity)
        return ses.EmailIdentity(self, "Sender", identity=ses.Identity.email(sender.identity))
