"""What an order left behind is found and put away, and what is to stay stays, on the platform.

Functions are called past the saga, as a saga does that lives on after its order is over.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aws_cdk import Duration

from app import compose
from demo import api_client, order_book
from demo.database import SCHEMA
from demo.invariant_checks import CHECKS
from demo.invariants import find_violations
from demo.snapshot import Snapshot
from emulator.cloud import Cloud
from lambdas.runtime.dynamodb import from_item
from stacks.environments import DEV
from tests.support.direct_deployment import deploy_directly
from tests.support.grants import cloud_recording_grants, physical
from tests.support.offers import put_on_offer
from tests.support.small_stacks import client
from tests.support.waiting import wait_until
from tests.templates.synthesis import new_app

SKU, PRICE, STOCK = "85123A", 255, 10
ENV = replace(DEV, unresolved_after=Duration.seconds(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    outputs: Mapping[str, str]
    functions: Mapping[str, str]
    api: api_client.ApiClient
    database: sqlite3.Connection
    snapshot: Snapshot

    def call(self, function: str, **event: Any) -> Any:
        answer = client(self.cloud, "lambda").invoke(
            FunctionName=self.functions[function], Payload=json.dumps(event)
        )
        content = json.load(answer["Payload"])
        assert "FunctionError" not in answer, content
        return content

    def order(self, key: str, quantity: int) -> tuple[str, str]:
        """Place an order; return its id and the state in which it ends."""
        lines = [{"sku": SKU, "quantity": quantity, "unit_price": PRICE}]
        put_on_offer(client(self.cloud, "dynamodb"), self.outputs["OffersTable"], *lines)
        answer = self.api.place(customer="ada", key=key, country="United Kingdom", lines=lines)
        assert answer.status == 202, answer
        order_id = str(answer.body["order_id"])

        def state() -> str:
            return str(self.row("OrdersTable", order_id=order_id)["state"])

        wait_until("it ends", lambda: state() != "PLACED")
        return order_id, state()

    def cancelled(self, key: str) -> str:
        """Cancel an order before any saga claims it; return its id."""
        events, bus = client(self.cloud, "events"), self.outputs["EventBus"]
        (rule,) = (
            each["Name"]
            for each in events.list_rules(EventBusName=bus)["Rules"]
            if "StartFulfilment" in each["Name"]
        )
        events.disable_rule(Name=rule, EventBusName=bus)
        try:
            lines = [{"sku": SKU, "quantity": 2, "unit_price": PRICE}]
            put_on_offer(client(self.cloud, "dynamodb"), self.outputs["OffersTable"], *lines)
            placed = self.api.place(customer="ada", key=key, country="Italy", lines=lines)
            order_id = str(placed.body["order_id"])
            assert self.api.cancel(order_id, customer="ada").body["state"] == "CANCELLED"
        finally:
            events.enable_rule(Name=rule, EventBusName=bus)
        return order_id

    def row(self, table: str, **key: str) -> dict[str, Any]:
        (name, value), *_ = key.items()
        answer = client(self.cloud, "dynamodb").get_item(
            TableName=self.outputs[table], Key={name: {"S": value}}, ConsistentRead=True
        )
        return from_item(answer.get("Item", {}))

    def charges(self) -> dict[str, str]:
        self.snapshot.gather()
        return dict(self.database.execute("SELECT order_id, state FROM charges"))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    assembly = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(assembly))
    compose(app, ENV)
    app.synth()
    with cloud_recording_grants() as cloud, closing(sqlite3.connect(":memory:")) as database:
        outputs = deploy_directly(cloud, assembly=assembly)
        database.executescript(order_book.SCHEMA + SCHEMA)
        customers = api_client.create_customers(cloud, outputs, "ada")
        platform = Platform(
            cloud=cloud,
            outputs=outputs,
            functions=physical(cloud, "AWS::Lambda::Function"),
            api=api_client.ApiClient(
                outputs["ApiUrl"], customers, http=api_client.http(cloud), sleep=lambda _: None
            ),
            database=database,
            snapshot=Snapshot(cloud, outputs, database),
        )
        line = {"sku": SKU, "quantity": STOCK}
        platform.call("ReceiveStock", delivery_id="opening", lines=[line])
        yield platform


def charge(platform: Platform, order_id: str) -> None:
    total = {"amount": PRICE, "currency": "GBP"}
    platform.call("TakePayment", order_id=order_id, customer_id="ada", total=total)


def unanswered_charge(platform: Platform, order_id: str) -> None:
    """Charge the card; the answer to payments is lost."""
    lambda_, name = client(platform.cloud, "lambda"), platform.functions["HandleRequest"]
    found = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    fault = {"FAULTS": json.dumps({"charge": {"moment": "after", "attempts": 99}})}
    for variables in (found | fault, found):
        lambda_.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )
        lambda_.get_waiter("function_updated_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
        )
        if variables is not found:
            with pytest.raises(AssertionError, match="ProviderError"):
                charge(platform, order_id)


def test_cleanup_removes_leftovers_and_keeps_everything_else(platform: Platform) -> None:
    kept, state = platform.order("kept", 1)
    assert state == "CONFIRMED"
    rejected, state = platform.order("rejected", STOCK + 1)
    assert state == "REJECTED"
    cancelled = platform.cancelled("cancelled")
    line = {"sku": SKU, "quantity": 2}
    platform.call("ReserveStock", order_id=cancelled, lines=[line])
    charge(platform, rejected)
    unanswered_charge(platform, cancelled)
    wait_until(
        "the confirmed order's reservation is resolved",
        lambda: "unresolved_shard" not in platform.row("ReservationsTable", order_id=kept),
    )
    # Both have to be quiet for a second.
    wait_until(
        "both charges are due for a query",
        lambda: (
            sorted(platform.call("QueryStaleCharges", dry_run=True)["would_query"])
            == sorted([rejected, cancelled])
        ),
    )
    wait_until(
        "the reservation is due for a query",
        lambda: (
            platform.call("QueryStaleReservations", dry_run=True) == {"would_query": [cancelled]}
        ),
    )
    assert platform.charges() == {kept: "TAKEN", rejected: "TAKEN", cancelled: "PENDING"}

    assert platform.call("QueryStaleReservations") == {"queried": 1, "rejected": 0}
    assert platform.call("QueryStaleCharges") == {"queried": 2, "rejected": 0}

    wait_until(
        "the money is given back",
        lambda: platform.charges() == {kept: "TAKEN", rejected: "REFUNDED", cancelled: "REFUNDED"},
    )
    wait_until(
        "the stock is released",
        lambda: platform.row("ReservationsTable", order_id=cancelled)["state"] == "RELEASED",
    )
    platform.snapshot.gather()
    # Whether the orders' own events were logged is the demo's to check.
    rules = [rule for rule in CHECKS if rule.invariant > 1]
    assert list(find_violations(platform.database, rules)) == []
    shelf = platform.row("StockTable", sku=SKU)
    assert (shelf["available"], shelf["reserved"]) == (STOCK - 1, 1)
    assert platform.row("CardProviderChargesTable", key=cancelled)["state"] == "REFUNDED"
    assert platform.row("ReservationsTable", order_id=kept)["state"] == "RESERVED"
    assert "unresolved_shard" not in platform.row("ReservationsTable", order_id=cancelled)
