"""Every failure sink gets failed work, and all of that work ends correctly.

At first everything fails: no delivery is allowed, and every consumer fails. A few orders come to
their end all the same, because each fault is removed once its dead letters have been seen, and the
dead letters are redriven. The failure sinks and the paths into them come from the templates. The
sagas are Express workflows, which give a compensation up in seconds.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import Duration
from aws_cdk.aws_stepfunctions import StateMachineType

from app import compose
from demo import api_client
from demo.mailbox import Mailbox
from demo.offers import put_on_offer
from demo.partner import publish_dispute
from demo.view_rebuild import rebuild_views
from demo.workers import running_workers
from lambdas.contracts.inventory import ReservationState
from lambdas.contracts.orders import OrderConfirmed
from lambdas.orders.domain import order_id
from lambdas.runtime.dynamodb import from_item, to_item
from ops.dlq.failure_sinks import Mechanism
from ops.dlq.templates import QUEUE
from stacks.environments import LAPTOP
from tests.support.cli import run_ops_in_process
from tests.support.direct_deployment import deploy_directly
from tests.support.grants import cloud_recording_grants
from tests.support.inventory_tables import waiting_reservation
from tests.support.platform_env import CUSTOMER, SKU, Platform, running_platform
from tests.support.redrive_driver import NONSENSE
from tests.support.tokens import subject
from tests.support.waiting import wait_until
from tests.templates.synthesis import new_app, templates

STOCK, NOWHERE = 100, "Unspecified"
WAITING = "waiting"
"""The order of a reservation that waits for a batch."""
ENV = replace(
    LAPTOP,
    saga_type=StateMachineType.EXPRESS,
    unresolved_after=Duration.seconds(1),
)
SHORT = {"LEASE_SECONDS": "3"}
"""A worker's failed messages come back soon enough for a test."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    assembly = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(assembly))
    compose(app, ENV)
    templates(app)
    with cloud_recording_grants() as cloud, closing(sqlite3.connect(":memory:")) as database:
        outputs = deploy_directly(cloud, assembly=assembly)
        yield running_platform(cloud, outputs, database, environment=ENV.name)


def test_all_failed_work_is_dead_lettered_and_ends_correctly(platform: Platform):
    operator, ada = platform.operator, subject(platform.customers.token(CUSTOMER))
    late = order_id(ada, "disputed")
    contact = platform.api("ApiUrl").put_contact(
        customer=CUSTOMER, email="ada@example.com", name="Ada"
    )
    assert contact.status == 202, contact
    mailbox = Mailbox(api_client.http(platform.cloud), cloud=platform.cloud)
    (link,) = mailbox.links()
    mailbox.confirm(link)
    hurry_schedules(platform)
    with platform.snapshot.listening("stock-events"), operator.all_faults_injected():
        arrived = {"sku": SKU, "quantity": STOCK, "minimum": STOCK}
        platform.call("ReceiveStock", delivery_id=f"d-{SKU}", lines=[arrived])
        put_product(platform)
        good, far = platform.place("good"), platform.place("far", NOWHERE)
        withdrawn, left = platform.place("withdrawn"), platform.place("left")
        assert platform.cancel(left) == "CANCELLED"
        leave_behind(platform, left, customer=ada)
        leave_waiting(platform)
        send_nonsense(platform)
        play_aws(platform)
        for number, order in enumerate((late, left)):
            publish_dispute(
                platform.cloud,
                platform.outputs["PartnerBus"],
                dispute_id=f"dp_{number}",
                payment_key=order,
                reason="fraudulent",
            )

        operator.until(
            "a dispute comes before its order",
            lambda: (
                ("orders/HoldOrderDeadLetters", Mechanism.CONSUMER, "orders/HoldOrder")
                in operator.seen
            ),
        )
        assert platform.place("disputed") == late
        platform.becomes("CONFIRMED", withdrawn)
        assert platform.cancel(withdrawn) == "WITHDRAWN"
        platform.becomes("CANCELLED", withdrawn)
        platform.becomes("REJECTED", far)
        operator.until(
            "the disputed order stays",
            lambda: platform.row("ShipmentsTable", order_id=late).get("held"),
        )
        with running_workers(
            platform.cloud, platform.outputs["WarehouseGroup"], workers=1, settings=SHORT
        ):
            operator.until(
                "it is picked all the same",
                lambda: platform.row("ShipmentsTable", order_id=late).get("picked"),
            )
            for hold in platform.row("OrdersTable", order_id=late)["holds"]:
                platform.call("LiftHold", order_id=late, cause=hold["cause"])
            platform.becomes("DISPATCHED", good, late)
            replay_in_vain(platform)
            operator.until(
                "every path has had a dead letter", lambda: operator.seen == operator.ways
            )
            forget_nonsense(platform)
            operator.until(
                "no dead letter is left, and no promise is broken",
                lambda: (
                    run_ops_in_process(platform.cloud, "dlq", "list")[0] == 0
                    and not platform.violations()
                ),
                left=lambda: (
                    run_ops_in_process(platform.cloud, "dlq", "list"),
                    platform.violations(),
                ),
            )
            operator.until("its customer has all mails", lambda: has_all_mails(platform, good))

    assert [view.summary for view in rebuild_views(platform.cloud) if not view.equal] == []


def test_products_are_rebuilt_from_the_catalogue_and_switched_to(platform: Platform):
    put_product(platform, price=260)
    code, said, _ = run_ops_in_process(platform.cloud, "view", "rebuild", "products", "--yes")
    assert (code, "switched: " in said) == (0, True), said

    put_product(platform, price=300)

    def shown_prices() -> list[int]:
        answer = api_client.http(platform.cloud).request(
            "GET",
            f"{platform.outputs['ApiUrl']}/products/offered",
            headers={"Authorization": f"Bearer {platform.customers.token(CUSTOMER)}"},
        )
        return [offer["unit_price"] for offer in json.loads(answer.data)["offers"]]

    wait_until("the new price is shown", lambda: 300 in shown_prices())


def put_product(platform: Platform, *, price: int = 255) -> None:
    """Put a product on offer, so that the catalogue publishes an event."""
    catalog = api_client.ApiClient(
        platform.outputs["ApiUrl"],
        api_client.Operators(platform.cloud, platform.outputs),
        http=api_client.http(platform.cloud),
        sleep=lambda _: None,
    )
    assert put_on_offer(catalog, "offered", [price]).status == 200


def hurry_schedules(platform: Platform) -> None:
    """Have all of them be due within the minute."""
    schedules = platform.client("scheduler")
    for found in schedules.list_schedules()["Schedules"]:
        named = {"Name": found["Name"], "GroupName": found["GroupName"]}
        stated = schedules.get_schedule(**named)
        kept = {name: stated[name] for name in ("FlexibleTimeWindow", "Target")}
        schedules.update_schedule(**named, **kept, ScheduleExpression="rate(1 minute)")


def leave_behind(platform: Platform, order: str, *, customer: str) -> None:
    """Do for an order that is over what a saga does that does not know so yet."""
    total = platform.row("OrdersTable", order_id=order)["total"]
    lines = [{"sku": SKU, "quantity": 1}]
    platform.call("ReserveStock", order_id=order, lines=lines)
    platform.call(
        "TakePayment",
        order_id=order,
        customer_id=customer,
        total={"amount": int(total), "currency": "GBP"},
    )


def leave_waiting(platform: Platform) -> None:
    """Leave a reservation to a batch, as a request does that finds its SKU busy; of no order."""
    platform.client("dynamodb").put_item(
        TableName=platform.outputs["ReservationsTable"],
        Item=to_item(waiting_reservation(WAITING, {"unknown": 1})),
    )


def nonsense_rows(platform: Platform) -> Iterator[dict[str, Any]]:
    keys = {"Catalog": "sku", "Orders": "order_id", "Shipments": "order_id", "Stock": "sku"}
    for table, key in keys.items():
        yield {"TableName": platform.outputs[f"{table}Table"], "Item": {key: {"S": NONSENSE}}}
    waiting = {"order_id": {"S": NONSENSE}, "state": {"S": ReservationState.WAITING}}
    yield {"TableName": platform.outputs["ReservationsTable"], "Item": waiting}


def send_nonsense(platform: Platform) -> None:
    """Send unreadable input to each outbox, consumer and projection, and to the partner's bus."""
    for row in nonsense_rows(platform):
        platform.client("dynamodb").put_item(**row)
    event = {"source": OrderConfirmed.source, "detail-type": OrderConfirmed.detail_type}
    platform.client("kinesis").put_record(
        StreamName=platform.outputs["OrderStreamName"],
        PartitionKey=NONSENSE,
        Data=json.dumps({**event, "detail": NONSENSE}),
    )
    for route in [
        route for sink in platform.operator.sinks for route in sink.routes_by(Mechanism.CONSUMER)
    ]:
        if route.target is not None and route.target.kind == QUEUE:
            platform.client("sqs").send_message(
                QueueUrl=route.target.physical,
                MessageBody=NONSENSE,
                MessageGroupId=NONSENSE,
                MessageDeduplicationId=NONSENSE,
            )
    publish_dispute(platform.cloud, platform.outputs["PartnerBus"], dispute_id=7, reason=NONSENSE)


def forget_nonsense(platform: Platform) -> None:
    platform.client("dynamodb").delete_item(
        TableName=platform.outputs["ReservationsTable"], Key={"order_id": {"S": WAITING}}
    )
    for row in nonsense_rows(platform):
        (key, value), *_ = row["Item"].items()
        platform.client("dynamodb").delete_item(TableName=row["TableName"], Key={key: value})


def play_aws(platform: Platform) -> None:
    """Publish AWS's own events on the default bus.

    Only AWS may use its sources, so the rules get other ones first.
    """
    events = platform.client("events")
    for rule in events.list_rules()["Rules"]:
        pattern = json.loads(rule["EventPattern"])
        pattern["source"] = [source] = [f"played.{pattern['source'][0]}"]
        events.put_rule(Name=rule["Name"], EventPattern=json.dumps(pattern))
        entry = {
            "Source": source,
            "DetailType": pattern["detail-type"][0],
            "Detail": json.dumps({name: value for name, (value, *_) in pattern["detail"].items()}),
        }
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0


def replay_in_vain(platform: Platform) -> None:
    """Replay all events, and fail so often that they are dead-lettered."""
    operator, sqs = platform.operator, platform.client("sqs")
    rule = platform.outputs["ReplayRuleArn"].rpartition("/")[2]
    code, said, wrong = run_ops_in_process(
        platform.cloud, "events", "replay", "--from", "2026-01-01", "--rule", rule, "--yes"
    )
    assert (code, wrong) == (0, ""), said
    queue = {"QueueUrl": platform.outputs["ReplayQueueUrl"], "MaxNumberOfMessages": 10}

    def given_up() -> bool:
        if any(way.sink == "backbone/ReplaysQueueDeadLetters" for way in operator.seen):
            return True
        while sqs.receive_message(**queue, VisibilityTimeout=0).get("Messages"):
            pass
        return False

    operator.until("it came too often", given_up)


def has_all_mails(platform: Platform, order: str) -> bool:
    """Whether the customer has the confirmation, its invoice with or after it, and the dispatch."""
    rows = platform.client("dynamodb").scan(TableName=platform.outputs["EmailRecordsTable"])[
        "Items"
    ]
    sent = {
        row["kind"]: row["with_invoice"]
        for row in map(from_item, rows)
        if (row["order_id"], row["state"]) == (order, "SENT")
    }
    wanted = {"OrderConfirmed", "OrderDispatched"}
    return sent.keys() == (wanted if sent.get("OrderConfirmed") else {*wanted, "Invoice"})
