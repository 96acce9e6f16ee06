"""Orders on their way out, end to end: two workers under the role of their instances compete.

One is killed, another is stopped; the messages that they had in flight come to the others.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from demo import api_client
from demo.workers import running_workers, worker_environment
from emulator.cloud import Cloud
from lambdas.contracts.inventory import StockChanged
from lambdas.contracts.orders import OrderConfirmed
from lambdas.runtime.dynamodb import from_item
from tests.contracts.catalog import read, sample_of
from tests.support.deliveries import received
from tests.support.grants import cloud_recording_grants
from tests.support.laptop import deploy_laptop
from tests.support.offers import put_on_offer
from tests.support.waiting import wait_until

SKUS, STOCK, PRICE = ("85123A", "71053", "84406B"), 100, 255
NUMBER, SECONDS = 15, 180
MAX_NUMBER = 210
"""No order has a higher number."""
SHORT = {"LEASE_SECONDS": "3", "WAIT_SECONDS": "1"}
"""The messages of a killed worker come back soon enough for a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    client: Callable[[str], Any]
    """Makes a boto3 client, once for each service: to make one takes long."""
    outputs: Mapping[str, str]
    api: api_client.ApiClient
    settings: Mapping[str, str]
    """What a worker's instance gets."""

    def rows(self, output: str) -> list[dict[str, Any]]:
        answer = self.client("dynamodb").scan(TableName=self.outputs[output], ConsistentRead=True)
        return [from_item(item) for item in answer["Items"]]

    def states(self, output: str, orders: list[str]) -> Counter[str]:
        return Counter(row["state"] for row in self.rows(output) if row["order_id"] in orders)

    def place(self, number: int) -> str:
        # No two look the same, or the later one would be held for that.
        sku, price = SKUS[number % len(SKUS)], PRICE + number
        lines = [{"sku": sku, "quantity": 1, "unit_price": price}]
        # All prices of the SKU at once: orders that are placed at a time would overwrite theirs.
        offered = range(number % len(SKUS), MAX_NUMBER, len(SKUS))
        put_on_offer(
            self.cloud.client("dynamodb"),
            self.outputs["OffersTable"],
            *({"sku": sku, "quantity": 1, "unit_price": PRICE + n} for n in offered),
        )
        answer = self.api.place(
            customer="ada", key=f"order-{number}", country="France", lines=lines
        )
        assert answer.status == 202, answer
        return str(answer.body["order_id"])

    def in_flight(self, queue: str) -> int:
        name = "ApproximateNumberOfMessagesNotVisible"
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.settings[queue], AttributeNames=[name]
        )["Attributes"]
        return int(attributes[name])


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with cloud_recording_grants() as cloud:
        outputs = deploy_laptop(cloud)
        customers = api_client.create_customers(cloud, outputs, "ada")
        arrived = [{"sku": sku, "quantity": STOCK} for sku in SKUS]
        cloud.client("lambda").invoke(
            FunctionName=outputs["ReceiveStockFunction"],
            Payload=json.dumps({"delivery_id": "d1", "lines": arrived}),
        )
        yield Platform(
            cloud=cloud,
            client=cloud.client,
            outputs=outputs,
            api=api_client.ApiClient(
                outputs["ApiUrl"], customers, http=api_client.http(cloud), sleep=lambda _: None
            ),
            settings=worker_environment(cloud, outputs["WarehouseGroup"]),
        )


def test_orders_are_picked_and_leave_once_though_workers_die(platform: Platform):
    with (
        running_workers(platform.cloud, platform.outputs["WarehouseGroup"], settings=SHORT) as (
            first,
            second,
        ),
        ThreadPoolExecutor(8) as pool,
    ):
        placing = [pool.submit(platform.place, number) for number in range(NUMBER)]
        wait_until("nothing is picked", lambda: len(platform.rows("PickingsTable")) >= 3)
        first.instance.process.kill()
        orders = [placed.result() for placed in placing]
        with running_workers(
            platform.cloud, platform.outputs["WarehouseGroup"], workers=1, settings=SHORT
        ):
            assert second.instance.stop() == 0
            wait_until(
                "not all orders are dispatched",
                lambda: platform.states("OrdersTable", orders) == {"DISPATCHED": NUMBER},
            )
            wait_until(
                "not all stock has left",
                lambda: platform.states("ReservationsTable", orders) == {"SHIPPED": NUMBER},
            )
            stock = {row["sku"]: (row["available"], row["reserved"]) for row in shelves(platform)}
            assert sum(STOCK - available for available, _ in stock.values()) == NUMBER
            assert {reserved for _, reserved in stock.values()} == {0}
            wait_until(
                "the warehouse's picture is another",
                lambda: (
                    stock
                    == {
                        row["sku"]: (row["available"], row["reserved"])
                        for row in platform.rows("WarehouseStockTable")
                    }
                ),
            )

    assert platform.states("ShipmentsTable", orders) == {"DISPATCHED": NUMBER}
    assert {row["order_id"] for row in platform.rows("PickingsTable")} == set(orders)
    once = dict.fromkeys(orders, 1)
    wait_until(
        "not all events are published",
        lambda: published(platform, "OrderDispatched", orders) == once,
    )
    refused = platform.api.cancel(orders[0], customer="ada")
    assert refused.status == 409


def shelves(platform: Platform) -> list[dict[str, Any]]:
    return platform.rows("StockTable")


def published(platform: Platform, detail_type: str, orders: list[str]) -> dict[str, int]:
    """How many different events of that type the log has of each order."""
    pages = platform.client("logs").get_paginator("filter_log_events")
    ids: dict[str, set[str]] = {}
    for page in pages.paginate(logGroupName=platform.outputs["EventLogGroup"]):
        for logged in page["events"]:
            event = json.loads(logged["message"])
            if event["detail-type"] == detail_type:
                metadata = event["detail"]["metadata"]
                ids.setdefault(metadata["subject"], set()).add(metadata["event_id"])
    return {order: len(ids.get(order, ())) for order in orders}


def test_stopped_worker_leaves_no_message_in_flight(platform: Platform):
    with running_workers(platform.cloud, platform.outputs["WarehouseGroup"], workers=1) as (
        worker,
    ):
        orders = [platform.place(100 + number) for number in range(5)]
        wait_until(
            "nothing is picked", lambda: platform.states("OrdersTable", orders)["DISPATCHED"]
        )
        assert worker.instance.stop() == 0

    assert platform.in_flight("PICKING_QUEUE_URL") == 0
    assert platform.in_flight("STOCK_QUEUE_URL") == 0


def test_poison_stands_alone_with_its_reason(platform: Platform):
    sqs = platform.client("sqs")
    unknown = read(sample_of(OrderConfirmed))
    unknown["detail"]["metadata"]["schema_version"] = 99
    sqs.send_message(
        QueueUrl=platform.settings["PICKING_QUEUE_URL"], MessageBody=json.dumps(unknown)
    )
    sqs.send_message(
        QueueUrl=platform.settings["STOCK_QUEUE_URL"],
        MessageBody="poison",
        MessageGroupId=SKUS[0],
        MessageDeduplicationId="poison",
    )
    # No table holds such a number, so this one cannot be acted on, and goes back to the queue.
    unwritable = read(sample_of(StockChanged))
    unwritable["metadata"]["sequence"] = 10**40
    sqs.send_message(
        QueueUrl=platform.settings["STOCK_QUEUE_URL"],
        MessageBody=json.dumps(unwritable),
        MessageGroupId="unwritable",
        MessageDeduplicationId="unwritable",
    )
    with running_workers(
        platform.cloud, platform.outputs["WarehouseGroup"], workers=1, settings=SHORT
    ):
        order = platform.place(200)
        wait_until("poison blocks", lambda: platform.states("OrdersTable", [order])["DISPATCHED"])

    for queue, body, reason in (
        ("PICKING_DEAD_LETTER_QUEUE_URL", json.dumps(unknown), "schema_version is 99"),
        ("STOCK_DEAD_LETTER_QUEUE_URL", "poison", "it is not JSON"),
    ):
        # What comes again and again may have come too often by now, and be there as well.
        there = received(platform.cloud, platform.settings[queue])
        (dead_letter,) = (message for message in there if message["Body"] == body)
        assert reason in dead_letter["MessageAttributes"]["reason"]["StringValue"]


def test_worker_has_the_rights_of_its_instance_only(platform: Platform):
    session = boto3.session.Session(
        aws_access_key_id=platform.settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=platform.settings["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=platform.settings["AWS_SESSION_TOKEN"],
        region_name=platform.cloud.region,
    )

    def client(service: str) -> Any:
        return session.client(  # type: ignore[call-overload]
            service, endpoint_url=platform.cloud.endpoint, verify=str(platform.cloud.certificate)
        )

    assert client("sts").get_caller_identity()["Arn"].split("/")[1].startswith("Orders-Dev-Wareh")
    refused: list[Callable[[], object]] = [
        lambda: client("dynamodb").scan(TableName=platform.outputs["PickingsTable"]),
        lambda: client("dynamodb").get_item(
            TableName=platform.outputs["OrdersTable"], Key={"order_id": {"S": "1"}}
        ),
        lambda: client("events").put_events(
            Entries=[
                {
                    "EventBusName": platform.outputs["EventBus"],
                    "Source": "com.aws.orders",
                    "DetailType": "OrderConfirmed",
                    "Detail": "{}",
                }
            ]
        ),
    ]
    for attempt in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            attempt()


def test_worker_ends_with_its_parent(platform: Platform):
    with running_workers(platform.cloud, platform.outputs["WarehouseGroup"], workers=1) as (
        worker,
    ):
        assert worker.instance.process.stdin is not None
        worker.instance.process.stdin.close()

        assert worker.instance.process.wait(SECONDS) == 1
