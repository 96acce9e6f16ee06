"""The part of notifications by which customers give, confirm and erase their contact details."""

from functools import partial

from aws_cdk import Duration
from constructs import Construct

from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant
from stacks.constructs.http_api import HttpApi
from stacks.constructs.http_route import Anyone, HttpRoute
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment


class Contacts(Construct):
    """The routes of contacts with their functions, and the function that erases a customer."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        http_api: HttpApi,
        customers: ServiceTable,
        email_records: ServiceTable,
    ) -> None:
        """``customers`` and ``email_records`` are the service's tables."""
        super().__init__(scope, id)

        # State
        counters = ServiceTable(self, "Counters", env=env, key="counter", expiry="expires_at")

        # Functions
        customers_settings = {"CUSTOMERS_TABLE": customers.table_name}
        function = partial(ServiceFunction, self, env=env)
        request_function = partial(function, entry=True)
        self.put_contact = request_function(
            id="PutContact",
            handler="notifications.put_contact",
            settings={
                **customers_settings,
                "CONFIRMATION_COUNTERS_TABLE": counters.table_name,
                "SENDER": env.sender.address if env.sender else "",
                "API_URL": http_api.url,
            },
            # It waits long for SES's response, because a lost response cannot be requested again.
            # API Gateway waits 30 s at most.
            timeout=Duration.seconds(29),
        )
        show_confirmation = request_function(
            id="ShowConfirmation", handler="notifications.show_confirmation", settings={}
        )
        confirm_contact = request_function(
            id="ConfirmContact",
            handler="notifications.confirm_contact",
            settings=customers_settings,
        )
        erasure = partial(
            function,
            settings={**customers_settings, "EMAIL_RECORDS_TABLE": email_records.table_name},
            # It makes one request for each e-mail record. API Gateway waits 30 s at most.
            timeout=Duration.seconds(29),
        )
        delete_contact = erasure(
            id="DeleteContact", handler="notifications.delete_contact", entry=True
        )
        self.erase_customer = erasure(id="EraseCustomer", handler="notifications.erase_customer")

        # Flow
        customer, reader = http_api.customers, Anyone(reason="the token in the mail is the proof")
        for path, callers, called in (
            ("PUT /contact", customer, self.put_contact),
            ("DELETE /contact", customer, delete_contact),
            ("GET /contact/confirmation", reader, show_confirmation),
            ("POST /contact/confirmation", reader, confirm_contact),
        ):
            HttpRoute(self, path, api=http_api, callers=callers, function=called)

        # Grants
        grant(self.put_contact, "dynamodb:UpdateItem", on=customers.table_arn)
        grant(self.put_contact, "dynamodb:UpdateItem", on=counters.table_arn)
        grant(confirm_contact, "dynamodb:UpdateItem", on=customers.table_arn)
        for eraser in (delete_contact, self.erase_customer):
            grant(eraser, "dynamodb:DeleteItem", on=customers.table_arn)
            grant(eraser, "dynamodb:Query", on=f"{email_records.table_arn}/index/customer_id")
            grant(eraser, "dynamodb:UpdateItem", on=email_records.table_arn)
        grant(self.erase_customer, "dynamodb:GetItem", on=customers.table_arn)
