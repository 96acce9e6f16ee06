"""The stacks that notify customers, deployed to a local cloud. No mail leaves the machine."""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from demo import api_client
from demo.mailbox import Mailbox
from emulator.cloud import Cloud
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.values import Money, PricedLine
from lambdas.runtime.dynamodb import from_item
from stacks.environments import DEV
from stacks.notifications import NotificationsStack
from stacks.sender import Sender
from tests.support.deliveries import received
from tests.support.direct_deployment import deploy_directly
from tests.support.grants import cloud_recording_grants, physical
from tests.support.listeners import listen
from tests.support.patching import patched_function
from tests.support.small_stacks import lines
from tests.support.storefront_env import declare_storefront_stacks
from tests.support.tokens import subject
from tests.templates.synthesis import new_app

SENDER = "orders@shop.example"
ENV = replace(DEV, sender=Sender(address=SENDER, identity=SENDER, owned=True))
TOTAL = Money(amount=1_530, currency="GBP")
LINES = (PricedLine(sku="85123A", quantity=6, unit_price=255),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    outputs: Mapping[str, str]
    queues: Mapping[str, str]
    functions: Mapping[str, str]
    ada: str
    """Her token; so is that of Bob, who gives no address."""
    bob: str
    destination_events: str
    """A queue behind the bus."""

    def confirm(self, order: str, *, token: str = "", times: int = 1) -> EventEnvelope[Event]:
        event = OrderConfirmed(
            order_id=order,
            customer_id=subject(token or self.ada),
            lines=LINES,
            total=TOTAL,
            country="Italy",
        )
        return self.publish(order, 2, event, times)

    def publish(
        self, order: str, sequence: int, event: Event, times: int = 1
    ) -> EventEnvelope[Event]:
        published = envelope(
            event,
            subject=order,
            sequence=sequence,
            correlation_id=order,
            causation_id=order,
            occurred_at=f"2026-12-01T08:26:0{sequence}+00:00",
        )
        entries = [published.to_put_events_entry(self.outputs["EventBus"])] * times
        answer = self.cloud.client("events").put_events(Entries=entries)
        assert answer["FailedEntryCount"] == 0
        return published

    def ask(self, method: str, url: str, token: str = "", body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = api_client.http(self.cloud).request(
            method, url, headers=headers, body=json.dumps(body) if body else None, retries=False
        )
        return answer.status, json.loads(answer.data or b"null")

    def mails(self, order: str) -> dict[str, str]:
        """The states of an order's mails, by kind."""
        rows = self.cloud.client("dynamodb").scan(TableName=self.outputs["EmailRecordsTable"])[
            "Items"
        ]
        return {
            row["kind"]: row["state"] for row in map(from_item, rows) if row["order_id"] == order
        }

    def email_records(self) -> str:
        """The whole table of e-mail records, as a text."""
        table = self.outputs["EmailRecordsTable"]
        return str(self.cloud.client("dynamodb").scan(TableName=table)["Items"])

    def sent(self, order: str) -> list[Mapping[str, Any]]:
        """The mails about an order that SES has taken."""
        every = self.mailbox.order_mails()
        return [mail for mail in every if order in mail["Subject"] + mail["BodyText"]]

    def subjects(self, order: str) -> list[str]:
        """The subjects of the mails about an order, sorted."""
        return sorted(mail["Subject"] for mail in self.sent(order))

    def said(self, function: str, order: str) -> list[str]:
        """The lines of a function's log that name an order."""
        log = self.cloud.client("lambda").get_function_configuration(
            FunctionName=self.functions[function]
        )["LoggingConfig"]["LogGroup"]
        return [line for line in lines(self.cloud, log, order) if f'"{order}"' in line]

    @property
    def mailbox(self) -> Mailbox:
        return Mailbox(api_client.http(self.cloud), cloud=self.cloud)

    def invoices(self, order: str) -> list[Any]:
        bucket = self.outputs["InvoicesBucket"]
        found = self.cloud.client("s3").list_object_versions(Bucket=bucket)
        return [each for each in found.get("Versions", []) if order in each["Key"]]

    def notices(self, order: str, token: str = "") -> list[dict[str, Any]]:
        """Return the entries of an order's timeline that are about mails."""
        url = f"{self.outputs['ApiUrl']}/orders/{order}/timeline"
        status, content = self.ask("GET", url, token or self.ada)
        events = content["events"] if status == 200 else []
        return [event for event in events if event["event"] == "CustomerNotified"]

    def invoke(self, function: str, event: Any) -> None:
        self.cloud.client("lambda").invoke(
            FunctionName=self.functions[function],
            InvocationType="Event",
            Payload=json.dumps(event),
        )

    @contextmanager
    def setting(self, function: str, **changed: str) -> Iterator[None]:
        """Give a function other settings, as long as this lasts."""
        lambda_, name = self.cloud.client("lambda"), self.functions[function]
        before = lambda_.get_function_configuration(FunctionName=name)["Environment"]
        after = {"Variables": {**before["Variables"], **changed}}
        lambda_.update_function_configuration(FunctionName=name, Environment=after)
        try:
            yield
        finally:
            lambda_.update_function_configuration(FunctionName=name, Environment=before)

    def dying(self, function: str, module: str, code: str) -> AbstractContextManager[None]:
        """Add code at the end of a module of a function's, as long as this lasts."""
        return patched_function(self.cloud, self.functions[function], module, code)

    def dead_letter(self, queue: str) -> Any:
        """Return the only message of a dead-letter queue, which is empty afterwards."""
        url = self.queues[queue]
        (message,) = received(self.cloud, url)
        self.cloud.client("sqs").delete_message(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]
        )
        return message

    def function_arn(self, function: str) -> str:
        cloud = self.cloud
        name = self.functions[function]
        return f"arn:aws:lambda:{cloud.region}:{cloud.account}:function:{name}:$LATEST"


@contextmanager
def deployed(assembly: Path) -> Iterator[Platform]:
    """Only the stacks that it passes, and two customers."""
    app = new_app(outdir=str(assembly))
    storefront = declare_storefront_stacks(app, ENV)
    NotificationsStack(
        app,
        env=ENV,
        bus=storefront.backbone.bus,
        alarms=storefront.operations.topic,
        http_api=storefront.http_api,
    )
    app.synth()
    with cloud_recording_grants(only=("Notifications", "Backbone")) as cloud:
        outputs = deploy_directly(cloud, assembly=assembly)
        customers = api_client.create_customers(cloud, outputs, "ada", "bob")
        yield Platform(
            cloud=cloud,
            outputs=outputs,
            queues=physical(cloud, "AWS::SQS::Queue"),
            functions=physical(cloud, "AWS::Lambda::Function"),
            ada=customers.token("ada"),
            bob=customers.token("bob"),
            destination_events=listen(
                cloud, outputs["EventBus"], pattern={"source": ["lambda"]}, name="by-lambda"
            ),
        )
