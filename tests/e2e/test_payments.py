"""The three steps of a payment, on the deployed platform: a charge is recorded, the card charged,
the ledger posts. After a failure in between, the result is right, and every entry is published.

The card provider fails as its function's settings say; nothing else is touched.
"""

import json
import sqlite3
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pg8000.native import Connection

from demo import api_client, order_book
from demo.database import SCHEMA
from demo.invariant_checks import CHECKS
from demo.invariants import find_violations
from demo.snapshot import Snapshot
from demo.stock_delivery import deliver_stock
from emulator.cloud import Cloud
from lambdas.contracts.envelope import event_id
from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.payments import SOURCE, PaymentRefunded, PaymentTaken
from lambdas.contracts.values import Money
from lambdas.runtime.dynamodb import from_item
from tests.support.grants import cloud_recording_grants, physical
from tests.support.laptop import deploy_laptop
from tests.support.listeners import listen
from tests.support.offers import put_on_offer
from tests.support.waiting import wait_until

SKU, PRICE = "85123A", 255
HERE, NOWHERE = "United Kingdom", "Unspecified"
EVENTS_BY_ENTRY: dict[str, tuple[int, type[PaymentTaken | PaymentRefunded]]] = {
    "CHARGE": (1, PaymentTaken),
    "REFUND": (2, PaymentRefunded),
}
SECONDS = 180
"""Longer than the sweeper takes to publish what the bus refused at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    outputs: Mapping[str, str]
    functions: Mapping[str, str]
    """The physical names of the functions by their logical ids."""
    api: api_client.ApiClient
    database: sqlite3.Connection
    snapshot: Snapshot
    queue: str
    """Gets all events of the payments service."""
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the queue got so far: the details of the events by their ids."""

    def listen(self) -> None:
        sqs = self.cloud.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                detail = json.loads(message["Body"])["detail"]
                before = self.events.setdefault(detail["metadata"]["event_id"], detail)
                assert before == detail
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with cloud_recording_grants() as cloud, closing(sqlite3.connect(":memory:")) as database:
        outputs = deploy_laptop(cloud)
        database.executescript(order_book.SCHEMA + SCHEMA)
        database.execute("INSERT INTO demand VALUES (?, 10000)", [SKU])
        deliver_stock(cloud, outputs["ReceiveStockFunction"], database)
        customers = api_client.create_customers(cloud, outputs, "ada")
        yield Platform(
            cloud=cloud,
            outputs=outputs,
            functions=physical(cloud, "AWS::Lambda::Function"),
            api=api_client.ApiClient(
                outputs["ApiUrl"], customers, http=api_client.http(cloud), sleep=lambda _: None
            ),
            database=database,
            snapshot=Snapshot(cloud, outputs, database),
            queue=listen(
                cloud, outputs["EventBus"], pattern={"source": [SOURCE]}, name="payments-events"
            ),
        )


def behave(platform: Platform, **faults: Mapping[str, Any]) -> None:
    """Set the card provider's faults."""
    lambda_ = platform.cloud.client("lambda")
    name = platform.functions["HandleRequest"]
    variables = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables["FAULTS"] = json.dumps(faults)
    lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    lambda_.get_waiter("function_updated_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )


def price(key: str) -> int:
    return PRICE + sum(key.encode())


def place(platform: Platform, key: str, country: str) -> str:
    # No two look the same, or the later one would be held for that.
    lines = [{"sku": SKU, "quantity": 1, "unit_price": price(key)}]
    dynamodb = platform.cloud.client("dynamodb")
    put_on_offer(dynamodb, platform.outputs["OffersTable"], *lines)
    answer = platform.api.place(customer="ada", key=key, country=country, lines=lines)
    assert answer.status == 202, answer
    return str(answer.body["order_id"])


def ended(platform: Platform, *orders: str) -> list[tuple[str, str | None]]:
    """Wait until the orders have ended; return the state of each, and its reason."""
    ends: dict[str, tuple[str, str | None]] = {}

    def all_ended() -> bool:
        platform.snapshot.gather_orders()
        rows = platform.database.execute(
            "SELECT order_id, state, reason FROM orders WHERE state <> 'PLACED'"
        )
        ends.update({order_id: (state, reason) for order_id, state, reason in rows})
        return set(orders) <= set(ends)

    wait_until(f"these end: {orders}", all_ended)
    return [ends[order] for order in orders]


def kinds(platform: Platform, order: str) -> list[str]:
    """What the ledger has of an order."""
    rows = platform.database.execute(
        "SELECT kind FROM entries WHERE order_id = ? ORDER BY kind", [order]
    )
    return [kind for (kind,) in rows]


def record(platform: Platform, order: str) -> dict[str, Any]:
    """What the card provider has of an order."""
    answer = platform.cloud.client("dynamodb").get_item(
        TableName=platform.outputs["CardProviderChargesTable"], Key={"key": {"S": order}}
    )
    return from_item(answer["Item"])


def check_promises(platform: Platform) -> None:
    """The services agree about every order so far; each entry was published, and nothing else."""
    platform.snapshot.gather()
    # Whether the orders' own events were logged is the demo's to check.
    assert [
        found for found in find_violations(platform.database, CHECKS) if found.invariant > 1
    ] == []
    (stranger,) = platform.database.execute(
        "SELECT count(*) FROM provider_charges WHERE order_id NOT IN (SELECT order_id FROM orders)"
    ).fetchone()
    assert stranger == 0
    entries = platform.database.execute(
        "SELECT e.order_id, o.customer_id, e.kind, e.amount, e.currency"
        " FROM entries e JOIN orders o USING (order_id)"
    )
    due: dict[str, PaymentTaken | PaymentRefunded] = {}
    for order, customer, kind, amount, currency in entries:
        sequence, event = EVENTS_BY_ENTRY[kind]
        due[event_id(SOURCE, order, sequence)] = event(
            order_id=order, customer_id=customer, total=Money(amount=amount, currency=currency)
        )

    def all_published() -> bool:
        platform.listen()
        return set(due) <= set(platform.events)

    wait_until("every entry is published", all_published)
    assert set(platform.events) == set(due)
    assert {
        id: parse_detail(type(event), platform.events[id]).data for id, event in due.items()
    } == due


@pytest.mark.parametrize(
    ("fault", "asked"),
    [
        # An attempt that fails before its effect is none in the provider's record.
        pytest.param({"moment": "before"}, 1, id="before"),
        pytest.param({"moment": "after"}, 2, id="after"),
        # Slower than the 4 s that payments waits: it gives up, and the effect comes after all.
        pytest.param({"moment": "before", "fails": False, "delay_ms": 4500}, 2, id="slow"),
    ],
)
def test_provider_that_fails_for_a_while_is_retried_and_charges_once(
    platform, fault, asked, request
):
    behave(platform, charge=fault, refund=fault)
    key = request.node.callspec.id
    orders = [place(platform, f"{key}-1", HERE), place(platform, f"{key}-2", NOWHERE)]

    assert ended(platform, *orders) == [("CONFIRMED", None), ("REJECTED", "AddressUndeliverable")]

    kept, undone = orders
    # A slow machine may have it asked once more: what is not answered in time is asked again.
    wait_until(
        f"each charge is asked for {asked} times",
        lambda: all(record(platform, order)["attempts"] >= asked for order in orders),
    )
    assert [record(platform, order)["charge_faults"] for order in orders] == [1, 1]
    check_promises(platform)
    assert [kinds(platform, order) for order in orders] == [["CHARGE"], ["CHARGE", "REFUND"]]
    assert record(platform, kept)["state"] == "CHARGED"
    assert record(platform, undone)["state"] == "REFUNDED"
    assert record(platform, undone)["refund_faults"] == 1


def test_charge_whose_responses_are_lost_is_retried_and_charges_once(platform):
    """The card is charged, and four responses are lost: nothing is refunded for that."""
    behave(platform, charge={"moment": "after", "attempts": 4})
    order = place(platform, "no-answer", HERE)

    assert ended(platform, order) == [("CONFIRMED", None)]

    check_promises(platform)
    assert kinds(platform, order) == ["CHARGE"]
    there = record(platform, order)
    assert (there["state"], there["amount"]) == ("CHARGED", price("no-answer"))
    assert there["charge_faults"] > 1


def test_event_that_the_bus_refused_is_published_by_the_sweeper(platform):
    """Payments may not publish for a moment: the order is confirmed, its event waits."""
    behave(platform)
    with forbidden_to_publish(platform, platform.functions["TakePayment"]):
        order = place(platform, "unpublished", HERE)
        assert ended(platform, order) == [("CONFIRMED", None)]
    id = event_id(SOURCE, order, 1)
    platform.listen()
    assert id not in platform.events
    with closing(ledger(platform)) as admin:
        left = "SELECT count(*) FROM payments.outbox WHERE event_id = :id"
        assert admin.run(left, id=id) == [[1]]
        admin.run("UPDATE payments.outbox SET recorded_at = now() - interval '1 minute'")

        swept = platform.cloud.client("lambda").invoke(
            FunctionName=platform.functions["PublishOutbox"]
        )

        assert "FunctionError" not in swept, swept["Payload"].read()
        assert admin.run(left, id=id) == [[0]]
    check_promises(platform)
    assert id in platform.events


@contextmanager
def forbidden_to_publish(platform: Platform, function: str) -> Iterator[None]:
    iam = platform.cloud.client("iam")
    configuration = platform.cloud.client("lambda").get_function_configuration(
        FunctionName=function
    )
    policy = {
        "RoleName": configuration["Role"].rpartition("/")[2],
        "PolicyName": "ForbiddenToPublish",
    }
    denial = {"Effect": "Deny", "Action": "events:PutEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
    iam.put_role_policy(**policy, PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(**policy)


def ledger(platform: Platform) -> Connection:
    """The ledger, as its admin."""
    host, _, port = platform.outputs["LedgerEndpoint"].partition(":")
    dsql = platform.cloud.client("dsql")
    return Connection(
        user="admin",
        host=host,
        port=int(port),
        database="postgres",
        password=dsql.generate_db_connect_admin_auth_token(host, platform.cloud.region),
        ssl_context=ssl.create_default_context(cafile=str(platform.cloud.certificate)),
        timeout=10,
    )
