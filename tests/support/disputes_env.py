"""The stacks on the way of a disputed payment, as they are deployed to a local cloud."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from demo import api_client, partner
from emulator.cloud import Cloud
from lambdas.contracts.envelope import envelope
from lambdas.contracts.values import Line
from lambdas.contracts.warehouse import OrderPicked
from lambdas.runtime.dynamodb import from_item, to_item
from stacks.backbone import BackboneStack
from stacks.card_provider import CardProviderStack
from stacks.disputes import DisputesStack
from stacks.environments import DEV
from stacks.http_api import HttpApiStack
from stacks.inventory import InventoryStack
from stacks.operations import OperationsStack
from stacks.orders import OrdersStack
from stacks.payments import PaymentsStack
from stacks.shipping import ShippingStack
from tests.support.cli import run_ops
from tests.support.deliveries import eventually, received
from tests.support.direct_deployment import deploy_directly
from tests.support.grants import cloud_recording_grants, physical, resources_of
from tests.support.listeners import listen
from tests.support.offers import put_on_offer
from tests.templates.synthesis import new_app

PARTNER_SOURCE = "aws.partner/example.com/card-company/disputes"
ENV = replace(DEV, partner_event_source=PARTNER_SOURCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    client: Callable[[str], Any]
    outputs: Mapping[str, str]
    api: api_client.ApiClient
    queues: Mapping[str, str]
    functions: Mapping[str, str]
    events_queue: str
    """A queue that gets all events of orders."""

    def confirmed(self, key: str) -> str:
        """The id of a new order, as soon as it is confirmed."""
        # No two look the same, or the later one would be held for that.
        price = 255 + sum(key.encode())
        order = [{"sku": "85123A", "quantity": 1, "unit_price": price}]
        put_on_offer(self.cloud.client("dynamodb"), self.outputs["OffersTable"], *order)
        answer = self.api.place(customer="ada", key=key, country="France", lines=order)
        assert answer.status == 202, answer
        id_ = str(answer.body["order_id"])
        assert eventually(lambda: self.order(id_)["state"] == "CONFIRMED"), self.order(id_)
        return id_

    def order(self, id_: str) -> Any:
        """As its customer sees it."""
        return self.api.order(id_, customer="ada").body

    def shipment(self, id_: str) -> dict[str, Any]:
        answer = self.client("dynamodb").get_item(
            TableName=self.outputs["ShipmentsTable"],
            Key=to_item({"order_id": id_}),
            ConsistentRead=True,
        )
        return from_item(answer["Item"])

    def dispute(self, id_: str, dispute: str) -> None:
        bus = self.outputs["PartnerBus"]
        partner.publish_dispute(
            self.cloud, bus, dispute_id=dispute, payment_key=id_, reason="fraudulent"
        )

    def pick(self, id_: str) -> None:
        """The warehouse has picked it."""
        event = envelope(
            OrderPicked(order_id=id_, lines=(Line(sku="85123A", quantity=1),)),
            subject=id_,
            sequence=1,
            correlation_id=id_,
            causation_id=id_,
            occurred_at="2026-12-01T10:00:00+00:00",
        )
        answer = self.client("events").put_events(
            Entries=[event.to_put_events_entry(self.outputs["EventBus"])]
        )
        assert answer["FailedEntryCount"] == 0

    def lift(self, id_: str, cause: str) -> tuple[int, str]:
        """How the operator's command ended, and what it said."""
        return run_ops(self.cloud, "order", "release-hold", id_, cause, "--yes")

    def row(self, id_: str) -> dict[str, Any]:
        """What orders has on record of it."""
        answer = self.client("dynamodb").get_item(
            TableName=self.outputs["OrdersTable"], Key=to_item({"order_id": id_})
        )
        return from_item(answer["Item"])

    def causes(self, id_: str) -> list[str]:
        """What asked for the order's holds."""
        return [hold["cause"] for hold in self.row(id_).get("holds", [])]

    def dispute_events(self, id_: str) -> int:
        """How often orders was asked to hold it."""
        group = self.client("lambda").get_function_configuration(
            FunctionName=self.functions["HoldOrder"]
        )["LoggingConfig"]["LogGroup"]
        events = self.client("logs").filter_log_events(logGroupName=group)["events"]
        messages = [event["message"] for event in events]
        return sum("hold_applied" in message and id_ in message for message in messages)

    def dead_letter(self, queue: str) -> Any:
        """What is on a queue; it is there again at once."""
        (message,) = received(self.cloud, queue)
        self.client("sqs").change_message_visibility(
            QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
        return json.loads(message["Body"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    assembly: Path = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(assembly))
    operations = OperationsStack(app, env=ENV)
    alarms, schedules = operations.topic, operations.schedules
    backbone = BackboneStack(app, env=ENV, alarms=alarms, schedules=schedules)
    bus = backbone.bus
    card_provider = CardProviderStack(app, env=ENV)
    inventory = InventoryStack(app, env=ENV, bus=bus, alarms=alarms, schedules=schedules)
    payments = PaymentsStack(
        app,
        env=ENV,
        bus=bus,
        alarms=alarms,
        schedules=schedules,
        card_provider=card_provider.handle_request,
    )
    shipping = ShippingStack(app, env=ENV, bus=bus, alarms=alarms)
    DisputesStack(app, env=ENV, source=PARTNER_SOURCE, bus=bus, alarms=alarms)
    OrdersStack(
        app,
        env=ENV,
        bus=bus,
        alarms=alarms,
        schedules=schedules,
        inventory=inventory,
        payments=payments,
        shipping=shipping,
        http_api=HttpApiStack(app, env=ENV, alarms=alarms).http_api,
    )
    app.synth()
    with cloud_recording_grants(only=("Disputes", "Orders", "Shipping")) as cloud:
        outputs = deploy_directly(cloud, assembly=assembly)
        customers = api_client.create_customers(cloud, outputs, "ada")
        cloud.client("lambda").invoke(
            FunctionName=outputs["ReceiveStockFunction"],
            Payload=json.dumps(
                {"delivery_id": "d1", "lines": [{"sku": "85123A", "quantity": 100}]}
            ),
        )
        yield Platform(
            cloud=cloud,
            client=cloud.client,
            outputs=outputs,
            api=api_client.ApiClient(
                outputs["ApiUrl"], customers, http=api_client.http(cloud), sleep=lambda _: None
            ),
            queues={
                f"{r.stack.rpartition('-')[2]}/{r.name}": r.physical_id
                for r in resources_of(cloud)
                if r.kind == "AWS::SQS::Queue"
            },
            functions=physical(cloud, "AWS::Lambda::Function"),
            events_queue=listen(
                cloud, outputs["EventBus"], pattern={"source": ["com.aws.orders"]}, name="events"
            ),
        )
