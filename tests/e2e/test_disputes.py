"""A disputed payment holds its order; the order is dispatched when the hold is lifted.

Only the stacks on its way are deployed; the tests play the warehouse.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from demo import api_client, partner
from emulator.cloud import Cloud
from emulator.deploy import deploy
from lambdas.contracts.envelope import envelope
from lambdas.contracts.values import Line
from lambdas.contracts.warehouse import OrderPicked
from lambdas.orders.domain import order_id
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
from tests.support.grants import cloud_recording_grants, physical, resources_of
from tests.support.listeners import listen
from tests.support.offers import put_on_offer
from tests.support.small_stacks import lines
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
        outputs = deploy(cloud, assembly=assembly, progress=lambda _: None)
        customers = api_client.create_customers(cloud, outputs, "ada")
        cloud.client("lambda").invoke(
            FunctionName=outputs["ReceiveStockFunction"],
            Payload=json.dumps(
                {"delivery_id": "d1", "lines": [{"sku": "85123A", "quantity": 100}]}
            ),
        )
        yield Platform(
            cloud=cloud,
            client=cache(cloud.client),
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


def test_disputed_order_is_dispatched_only_when_its_hold_is_lifted(
    platform: Platform,
):
    order = platform.confirmed("stays")

    platform.dispute(order, "dp_1")
    assert eventually(lambda: "held" in platform.order(order))
    (hold,) = platform.order(order)["held"]
    assert (hold["reason"], hold["explanation"]) == (
        "PaymentDisputed",
        "the payment is disputed: fraudulent",
    )
    assert eventually(lambda: platform.shipment(order)["held"])
    platform.pick(order)
    assert eventually(lambda: platform.shipment(order)["picked"])
    # The same dispute, once more in an event of its own.
    platform.dispute(order, "dp_1")
    platform.dispute(order, "dp_2")
    assert eventually(lambda: platform.dispute_events(order) == 3)
    assert len(platform.order(order)["held"]) == 2
    first, second = platform.causes(order)

    assert platform.lift(order, first) == (1, f"lifted; order {order} is held by {second}\n")
    assert platform.shipment(order)["state"] == "BOOKED"
    assert platform.lift(order, "nothing")[0] == 2
    assert platform.lift(order, second) == (0, f"lifted; order {order} is held by nothing\n")
    assert eventually(lambda: platform.order(order)["state"] == "DISPATCHED"), platform.order(order)
    assert platform.shipment(order)["state"] == "DISPATCHED"
    assert "held" not in platform.order(order)
    logged = lines(platform.cloud, platform.outputs["PartnerLogGroup"], "dp_2")
    assert any("dp_2" in line for line in logged)


def test_late_dispute_notifies_operations(platform: Platform):
    left, ended = platform.confirmed("leaves"), platform.confirmed("ends")
    platform.pick(left)
    platform.api.cancel(ended, customer="ada")
    assert eventually(lambda: platform.order(left)["state"] == "DISPATCHED")
    assert eventually(lambda: platform.order(ended)["state"] == "CANCELLED")

    platform.dispute(left, "dp_3")
    platform.dispute(ended, "dp_4")

    def not_held() -> dict[str, str]:
        bodies = [json.loads(message["Body"]) for message in messages]
        return {
            body["detail"]["data"]["order_id"]: body["detail"]["data"]["state"]
            for body in bodies
            if body["detail-type"] == "OrderHoldMissed"
        }

    messages: list[Any] = []

    def all_received() -> bool:
        messages.extend(
            platform.client("sqs")
            .receive_message(QueueUrl=platform.events_queue, MaxNumberOfMessages=10)
            .get("Messages", [])
        )
        return len(not_held()) == 2

    assert eventually(all_received), [
        json.loads(message["Body"])["detail-type"] for message in messages
    ]
    assert not_held() == {left: "DISPATCHED", ended: "CANCELLED"}
    assert platform.order(left)["state"] == "DISPATCHED"


def test_bad_dispute_is_dead_lettered_with_all_errors(platform: Platform):
    bus = platform.outputs["PartnerBus"]
    partner.publish_dispute(platform.cloud, bus, dispute_id=7, reason="!", amount=415)

    dead_letter = platform.dead_letter(platform.outputs["DisputeDeadLetterQueue"])
    assert dead_letter["reason"] == (
        "not a DisputeOpened: dispute_id must be a string, not int; payment_key is missing; "
        "reason must be 1 to 64 letters, digits or any of _.:-"
    )
    assert dead_letter["event"]["detail"] == {"dispute_id": 7, "reason": "!", "amount": 415}


def test_bad_dispute_is_dead_lettered_again_when_redriven(platform: Platform):
    def shown() -> Any:
        _, said = run_ops(
            platform.cloud, "dlq", "show", "disputes/IngestDisputeDeadLetters", "--json"
        )
        return json.loads(said)

    (before,) = shown()
    assert (
        run_ops(platform.cloud, "dlq", "redrive", "disputes/IngestDisputeDeadLetters", "--yes")[0]
        == 0
    )
    assert eventually(lambda: len(shown()) == 1)
    (after,) = shown()
    assert after["id"] != before["id"]
    assert (after["event"], after["error"]) == (before["event"], before["error"])


def test_dispute_of_an_unknown_order_is_dead_lettered_and_processed_once_there_is_one(
    platform: Platform,
):
    customer = platform.row(platform.confirmed("known"))["customer_id"]
    early = order_id(customer, "early")
    platform.dispute(early, "dp_5")

    (queue,) = (
        url for name, url in platform.queues.items() if name == "Orders/HoldOrderDeadLetters"
    )
    dead_letter = platform.dead_letter(queue)
    assert dead_letter["reason"] == f"there is no order {early}"
    assert dead_letter["event"]["detail"]["data"]["dispute_id"] == "dp_5"

    assert platform.confirmed("early") == early
    code, said = run_ops(platform.cloud, "dlq", "redrive", "HoldOrderDeadLetters", "--yes")
    assert (code, said.splitlines()[-1]) == (0, "1 moved, 0 could not be, 0 were left"), said
    assert eventually(lambda: "held" in platform.order(early))
    assert "HoldOrderDeadLetters" not in run_ops(platform.cloud, "dlq", "list", "--non-empty")[1]
