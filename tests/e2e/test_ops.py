"""The operator's command, end to end: failed work is dead-lettered, listed, and ends correctly.

The sagas are Express workflows, which give a compensation up in seconds.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aws_cdk.aws_stepfunctions import StateMachineType

from app import compose
from demo import api_client
from emulator.cloud import Cloud
from lambdas.contracts.envelope import envelope
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.contracts.values import Line
from lambdas.orders.domain import order_id
from lambdas.runtime.dynamodb import from_item
from ops.deployed import CHOOSE
from stacks.environments import DEV
from tests.support.cli import run_ops_in_process
from tests.support.deliveries import eventually
from tests.support.direct_deployment import deploy_directly
from tests.support.faults import denied_function
from tests.support.grants import cloud_recording_grants, resources_of
from tests.support.offers import put_on_offer
from tests.support.tokens import subject
from tests.templates.synthesis import new_app, templates

SKU, PRICE = "85123A", 255
ENV = replace(DEV, saga_type=StateMachineType.EXPRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    client: Callable[[str], Any]
    """Makes a boto3 client, once for each service."""
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    """The physical ids of resources by stack and logical id."""
    api: api_client.ApiClient
    customer: str
    """Who ada is to the services."""

    def ops(self, *arguments: str) -> tuple[int, Any]:
        """Run the command, as a script does."""
        code, out, err = self.run(*arguments, "--json")
        assert err == "", err
        return code, json.loads(out)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        return run_ops_in_process(self.cloud, *arguments)

    def dead_letters(self, *places: str) -> dict[str, int]:
        """How much there is in the places that hold something, or in those."""
        _, found = self.ops("dlq", "list", *([] if places else ["--non-empty"]))
        return {
            each["queue"]: each["depth"]["visible"]
            for each in found
            if not places or each["queue"] in places
        }

    def await_dead_letters(self, *places: str) -> None:
        """Wait until each of these places, and no other, holds something."""
        eventually(lambda: self.dead_letters().keys() >= set(places))
        assert self.dead_letters() == dict.fromkeys(places, 1)

    def watch(self) -> dict[str, int]:
        """Let the watch look and notify now; return the depths of queues that are not empty."""
        answer = self.client("lambda").invoke(
            FunctionName=self.physical("Operations", "DeadLetterWatchWatchDeadLetters")
        )
        found: dict[str, int] = json.loads(answer["Payload"].read())
        return found

    def redrive(self, place: str) -> None:
        """Put back what is there: first look, then do it, then do it again in vain."""
        code, shown = self.ops("dlq", "redrive", place)
        assert (code, shown["moved"], self.dead_letters(place)) == (0, 1, {place: 1})
        code, done = self.ops("dlq", "redrive", place, "--yes")
        assert (code, done["moved"], done["failed"]) == (0, 1, 0), done
        assert self.ops("dlq", "redrive", place, "--yes")[1]["moved"] == 0

    def physical(self, stack: str, id: str) -> str:
        (found,) = (
            physical
            for name, physical in self.resources.items()
            if name.startswith(f"{ENV.stack_name(stack)}/{id}")
            and len(name.split("/")[1]) == len(id) + 8
        )
        return found

    def place(self, key: str, country: str = "France") -> str:
        lines = [{"sku": SKU, "quantity": 1, "unit_price": PRICE}]
        put_on_offer(self.client("dynamodb"), self.outputs["OffersTable"], *lines)
        answer = self.api.place(customer="ada", key=key, country=country, lines=lines)
        assert answer.status == 202, answer
        return str(answer.body["order_id"])

    def row(self, order: str) -> dict[str, Any]:
        answer = self.client("dynamodb").get_item(
            TableName=self.outputs["OrdersTable"],
            Key={"order_id": {"S": order}},
            ConsistentRead=True,
        )
        return from_item(answer["Item"])

    def becomes(self, order: str, state: str) -> None:
        eventually(lambda: self.row(order)["state"] == state)
        assert self.row(order)["state"] == state

    def dispatch(self, order: str) -> None:
        """Publish that an order was dispatched, as shipping would."""
        event = envelope(
            ShipmentDispatched(
                order_id=order,
                shipment_id="s",
                country="France",
                lines=(Line(sku=SKU, quantity=1),),
            ),
            subject=order,
            sequence=2,
            correlation_id=order,
            causation_id=order,
            occurred_at="2026-12-01T09:02:11.893+00:00",
        )
        entries = [event.to_put_events_entry(self.outputs["EventBus"])]
        assert self.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0

    @contextmanager
    def without(self, stack: str, role: str, right: str) -> Iterator[None]:
        """Take a right from a role of the app until the block ends."""
        iam, name = self.client("iam"), self.physical(stack, role)
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        named = {"RoleName": name, "PolicyName": policy}
        whole = iam.get_role_policy(**named)["PolicyDocument"]
        left = [each for each in whole["Statement"] if right not in each["Action"]]
        assert len(left) == len(whole["Statement"]) - 1
        # A policy without a statement is none.
        if left:
            iam.put_role_policy(**named, PolicyDocument=json.dumps({**whole, "Statement": left}))
        else:
            iam.delete_role_policy(**named)
        try:
            yield
        finally:
            iam.put_role_policy(**named, PolicyDocument=json.dumps(whole))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    assembly = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(assembly))
    compose(app, ENV)
    templates(app)
    with cloud_recording_grants() as cloud:
        outputs = deploy_directly(cloud, assembly=assembly)
        customers = api_client.create_customers(cloud, outputs, "ada")
        cloud.client("lambda").invoke(
            FunctionName=outputs["ReceiveStockFunction"],
            Payload=json.dumps({"delivery_id": "d1", "lines": [{"sku": SKU, "quantity": 100}]}),
        )
        yield Platform(
            cloud=cloud,
            client=cloud.client,
            outputs=outputs,
            resources={f"{r.stack}/{r.logical_id}": r.physical_id for r in resources_of(cloud)},
            api=api_client.ApiClient(
                outputs["ApiUrl"], customers, http=api_client.http(cloud), sleep=lambda _: None
            ),
            customer=subject(customers.token("ada")),
        )


def test_undelivered_event_starts_its_saga_when_redriven(platform: Platform):
    place = "orders/StartFulfilmentRuleUndelivered"
    with platform.without("Orders", "FulfilmentMachineEventsRole", "states:StartExecution"):
        order = platform.place("no-saga")
        platform.await_dead_letters(place)
    assert [queue for queue in platform.watch() if "StartFulfilment" in queue]
    code, (shown,) = platform.ops("dlq", "show", place)
    assert code == 1
    assert shown["event"]["detail"]["data"]["order_id"] == order
    assert shown["error"].startswith("NO_PERMISSIONS: ")

    platform.redrive(place)

    platform.becomes(order, "CONFIRMED")


def test_events_that_functions_failed_at_are_given_to_them_again(platform: Platform):
    """The shipment leaves before the order is there."""
    places = "orders/MarkDispatchedDeadLetters", "inventory/ShipStockDeadLetters"
    order = order_id(platform.customer, "early")
    platform.dispatch(order)
    platform.await_dead_letters(*places)
    shown = [platform.ops("dlq", "show", place)[1][0] for place in places]
    assert [each["attempts"] for each in shown] == [3, 3]
    assert shown[0]["error"] == (
        f"RetriesExhausted: UnexpectedDispatchError: there is no order {order}"
    )
    assert platform.place("early") == order
    platform.becomes(order, "CONFIRMED")

    for place in places:
        platform.redrive(place)

    platform.becomes(order, "DISPATCHED")
    assert platform.dead_letters() == {}


def test_repair_completes_the_failed_compensation_of_an_order(platform: Platform):
    fault = denied_function(platform.client, platform.physical("Inventory", "ReleaseStock"))
    fault.begin(platform.client)
    order = platform.place("stuck", country="Unspecified")
    eventually(lambda: "failed_compensations" in platform.row(order))
    assert platform.row(order)["failed_compensations"] == ["ReleaseStock"]
    fault.end(platform.client)

    assert platform.ops("saga", "repair", order)[1]["moved"] == 1
    assert platform.ops("saga", "repair", order, "--yes")[0] == 0

    assert platform.row(order)["completed_compensations"] == ["ReleaseStock"]
    reservation = platform.client("dynamodb").get_item(
        TableName=platform.outputs["ReservationsTable"], Key={"order_id": {"S": order}}
    )
    assert from_item(reservation["Item"])["state"] == "RELEASED"
    assert platform.dead_letters() == {}
    assert platform.ops("dlq", "list")[0] == 0


def test_offers_of_orders_equal_those_of_the_catalogue(platform: Platform):
    assert platform.ops("offers", "reload") == (0, {"differing": [], "unreadable": 0})


def test_missing_stack_is_reported_in_one_line(platform: Platform):
    code, out, err = platform.run("dlq", "list", "--env", "prod")

    assert (code, out) == (2, "")
    assert err == f"there is no stack Orders-Prod-… in {platform.cloud.region}: {CHOOSE}\n"
