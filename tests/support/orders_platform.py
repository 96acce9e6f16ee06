"""The deployed platform with its saga, and what a test does with its orders."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from aws_cdk.aws_stepfunctions import StateMachineType

from demo import api_client
from demo.database import insert
from demo.snapshot import Snapshot
from emulator.cloud import Cloud
from lambdas.runtime.dynamodb import from_item, to_item
from tests.support.offers import put_on_offer
from tests.support.waiting import wait_until

SKU, PRICE, STOCK = "85123A", 255, 10_000
HERE, NOWHERE = "United Kingdom", "Unspecified"
EXTRAS: dict[str, int] = {}
"""What each order's price has been raised by."""
LONG_AGO = "2000-01-01T00:00:00+00:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    kind: StateMachineType
    cloud: Cloud
    client: Callable[[str], Any]
    """Makes a boto3 client, once for each service."""
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    """The physical ids of resources by type and logical id."""
    http: urllib3.PoolManager
    customers: api_client.Customers
    api: api_client.ApiClient
    database: sqlite3.Connection
    snapshot: Snapshot
    operations: str
    """A queue that gets operations' notifications."""
    gate: Path
    """Payments wait as long as this file is there."""

    def resource(self, kind: str, id: str) -> str:
        (found,) = (
            physical
            for logical, physical in self.resources.items()
            if logical.startswith(f"{kind} {id}")
        )
        return found

    @property
    def saga(self) -> str:
        return self.resource("AWS::StepFunctions::StateMachine", "Fulfilment")

    def function(self, id: str) -> str:
        return self.resource("AWS::Lambda::Function", id)

    def key(self, text: str) -> str:
        """An idempotency key, new with each deployment."""
        return f"{self.kind.name}-{text}"


def received(platform: Platform, queue: str) -> list[dict[str, Any]]:
    """What stands on the queue, which is empty afterwards."""
    sqs = platform.client("sqs")
    bodies = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return bodies


@contextmanager
def configured(platform: Platform, function: str, **variables: str) -> Iterator[None]:
    """A function has these settings for a while, and then its own again."""
    lambda_ = platform.client("lambda")
    name = platform.function(function)
    own = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def have(settings: Mapping[str, str]) -> None:
        lambda_.update_function_configuration(
            FunctionName=name, Environment={"Variables": settings}
        )
        lambda_.get_waiter("function_updated_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
        )

    have({**own, **variables})
    try:
        yield
    finally:
        have(own)


@contextmanager
def payments_wait(platform: Platform) -> Iterator[None]:
    """A saga that is started now gets no further than to its payment."""
    platform.gate.touch()
    try:
        yield
    finally:
        platform.gate.unlink()


@contextmanager
def no_saga_starts(platform: Platform) -> Iterator[None]:
    """Orders that are placed now have published their events before the block ends."""
    events = platform.client("events")
    name = platform.resource("AWS::Events::Rule", "StartFulfilment").rpartition("|")[2]
    rule = {"Name": name.rpartition("/")[2], "EventBusName": platform.outputs["EventBus"]}
    events.disable_rule(**rule)
    try:
        yield
        wait_until("all orders' events are published", lambda: all_published(platform))
    finally:
        events.enable_rule(**rule)


def place(
    platform: Platform, key: str, *, country: str = HERE, quantity: int = 1, like: str = ""
) -> str:
    """Place an order; no two look the same, unless one is to be ``like`` that of another key."""
    key, like = platform.key(key), platform.key(like or key)
    price = PRICE + EXTRAS.setdefault(like, len(EXTRAS))
    lines = [{"sku": SKU, "quantity": quantity, "unit_price": price}]
    put_on_offer(platform.client("dynamodb"), platform.outputs["OffersTable"], *lines)
    answer = platform.api.place(customer="ada", key=key, country=country, lines=lines)
    assert answer.status == 202, answer
    insert(platform.database, "accepted", [(answer.body["order_id"], key)])
    return str(answer.body["order_id"])


def cancel(platform: Platform, order: str) -> tuple[int, str]:
    answer = platform.api.cancel(order, customer="ada")
    insert(platform.database, "cancel_requests", [(order, answer.body["state"])])
    return answer.status, answer.body["state"]


def row(platform: Platform, order: str) -> dict[str, Any]:
    answer = platform.client("dynamodb").get_item(
        TableName=platform.outputs["OrdersTable"],
        Key={"order_id": {"S": order}},
        ConsistentRead=True,
    )
    return from_item(answer["Item"])


def all_published(platform: Platform) -> bool:
    """Whether of each order that was accepted something is logged."""
    platform.snapshot.gather_events()
    (unpublished,) = platform.database.execute(
        "SELECT count(*) FROM accepted WHERE order_id NOT IN (SELECT order_id FROM events"
        " WHERE order_id IS NOT NULL)"
    ).fetchone()
    return not unpublished


def run(platform: Platform, job: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Run a scheduled job now; return what it did."""
    answer = platform.client("lambda").invoke(
        FunctionName=platform.function(f"Jobs{job}"), Payload=json.dumps({"dry_run": dry_run})
    )
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    return result


def change(platform: Platform, order: str, **columns: str | int) -> None:
    """Set columns of the order's row: time has passed."""
    platform.client("dynamodb").update_item(
        TableName=platform.outputs["OrdersTable"],
        Key={"order_id": {"S": order}},
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in columns),
        ExpressionAttributeValues=to_item({f":{name}": v for name, v in columns.items()}),
    )
