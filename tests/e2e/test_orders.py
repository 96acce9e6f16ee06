"""What becomes of an order, end to end on the deployed platform, with Standard sagas and then,
after one setting was changed and the app deployed again, with Express ones.

A payment that waits until the test lets it go on holds a saga where it is; a rule that is off keeps
one from starting. Scheduled jobs run when a test says so. What Step Functions retries for minutes
is tested in tests/saga with shorter time-outs.
"""

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import urllib3
from aws_cdk.aws_stepfunctions import StateMachineType

from app import compose
from demo import api_client, order_book
from demo.database import SCHEMA, insert
from demo.invariant_checks import CHECKS
from demo.invariants import Violation, find_violations
from demo.offers import put_prices_on_offer
from demo.snapshot import Snapshot
from demo.stock_delivery import deliver_stock
from emulator.cloud import Cloud
from emulator.deploy import deploy
from emulator.polling import poll
from lambdas.contracts.orders import OrderNeedsAttention, OrderState
from lambdas.contracts.parsing import parse_detail
from lambdas.orders.events import event_for_change
from lambdas.orders.rows import order_of
from lambdas.runtime.dynamodb import from_item, to_item
from stacks.environments import DEV
from tests.support.cli import journey, run_ops
from tests.support.faults import denied_function
from tests.support.grants import cloud_recording_grants, resources_of
from tests.support.listeners import subscribe
from tests.support.offers import put_on_offer
from tests.support.patching import disable_schedules, patched_function
from tests.support.waiting import wait_until
from tests.templates.synthesis import new_app

SKU, PRICE, STOCK = "85123A", 255, 10_000
HERE, NOWHERE = "United Kingdom", "Unspecified"
TAKE_PAYMENT = "lambdas/payments/take_payment.py"
WAITS = """
import os, time

def handler(event, context, _handler=handler):
    while os.path.exists({gate!r}):
        time.sleep(0.02)
    return _handler(event, context)
"""
"""At the end of the function's module: it waits as long as that file is there.

Not for longer than the function may run, 7 s, but its saga asks again: twice at least.
"""
SECONDS = 180
"""Longer than the sweeper takes to publish the event of a payment that the bus refused at first."""
ACTIONS = ("Claim", "ReserveStock", "TakePayment", "BookShipment")
SERVICES = ("orders", "payments", "inventory", "shipping")
EXTRAS: dict[str, int] = {}
"""What each order's price has been raised by."""
JOBS = ("RepublishStalled", "ResolveDuplicates", "ExpireOrders")
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


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with cloud_recording_grants() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(order_book.SCHEMA + SCHEMA)
        database.execute("INSERT INTO demand VALUES (?, ?)", [SKU, STOCK])
        yield database


@pytest.fixture(
    scope="module",
    params=[StateMachineType.STANDARD, StateMachineType.EXPRESS],
    ids=lambda kind: kind.name,
)
def platform(
    request: pytest.FixtureRequest,
    cloud: Cloud,
    database: sqlite3.Connection,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    assembly: Path = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(assembly))
    compose(app, replace(DEV, saga_type=request.param))
    app.synth()
    outputs = deploy(cloud, assembly=assembly, progress=lambda _: None)
    disable_schedules(cloud, *(f"Jobs{job}" for job in JOBS))
    deliver_stock(cloud, outputs["ReceiveStockFunction"], database)
    customers = api_client.create_customers(cloud, outputs, "ada", "bob")
    http = api_client.http(cloud)
    platform = Platform(
        kind=request.param,
        cloud=cloud,
        client=cache(cloud.client),
        outputs=outputs,
        resources={f"{r.kind} {r.logical_id}": r.physical_id for r in resources_of(cloud)},
        http=http,
        customers=customers,
        api=api_client.ApiClient(outputs["ApiUrl"], customers, http=http, sleep=lambda _: None),
        database=database,
        snapshot=Snapshot(cloud, outputs, database),
        operations=subscribe(
            cloud, outputs["OperationsTopic"], name="operations-notified", raw=True
        ),
        gate=cloud.directory / "payments-wait",
    )
    (arn,) = (
        value
        for key, value in platform.resources.items()
        if "Fulfilment" in key and "StateMachine " in key
    )
    there = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    assert there["type"] == request.param.name
    waits = WAITS.format(gate=str(platform.gate))
    with patched_function(cloud, platform.function("TakePayment"), TAKE_PAYMENT, waits):
        yield platform


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


def ended(
    platform: Platform, *orders: str, at_first: str = OrderState.PLACED
) -> list[tuple[str, str | None]]:
    """Wait until the orders have ended; return the state of each, and the reason."""
    rows: list[dict[str, Any]] = []

    def all_ended() -> bool:
        rows[:] = [row(platform, order) for order in orders]
        return all(row["state"] != at_first for row in rows)

    wait_until(f"these end: {orders}", all_ended)
    return [(row["state"], row.get("reason")) for row in rows]


def finished(platform: Platform, *orders: str) -> list[tuple[str, str | None]]:
    """As ``ended``, while the job runs that resumes deferred orders."""

    def all_ended() -> bool:
        run(platform, "RepublishStalled")
        return all(row(platform, order)["state"] != OrderState.PLACED for order in orders)

    wait_until(f"these end: {orders}", all_ended)
    return ended(platform, *orders)


def all_published(platform: Platform) -> bool:
    """Whether of each order that was accepted something is logged."""
    platform.snapshot.gather_events()
    (unpublished,) = platform.database.execute(
        "SELECT count(*) FROM accepted WHERE order_id NOT IN (SELECT order_id FROM events"
        " WHERE order_id IS NOT NULL)"
    ).fetchone()
    return not unpublished


def published(platform: Platform, order: str) -> list[str]:
    """The events of an order that were logged, each once."""
    rows = platform.database.execute(
        "SELECT DISTINCT sequence, detail_type FROM events WHERE order_id = ? ORDER BY sequence",
        [order],
    )
    return [detail_type for _, detail_type in rows]


def deliver_again(platform: Platform, order: str) -> None:
    """Put the order's first event on the bus again, and see the execution that it starts end."""
    states = platform.client("stepfunctions")

    def executions() -> list[str]:
        answer = states.list_executions(stateMachineArn=platform.saga, maxResults=1000)
        return [execution["status"] for execution in answer["executions"]]

    before = len(executions())
    first = replace(order_of(row(platform, order)), state=OrderState.PLACED, sequence=1)
    event = event_for_change(None, first)
    assert event is not None
    bus = platform.outputs["EventBus"]
    platform.client("events").put_events(Entries=[event.to_put_events_entry(bus)])
    wait_until(
        "the second execution ends",
        lambda: len(found := executions()) == before + 1 and "RUNNING" not in found,
    )


def trace_once_published(platform: Platform, order: str) -> tuple[int, Any]:
    """An order's trace once its payment event is published: otherwise the sweeper publishes it."""
    asked: list[tuple[int, Any]] = []

    def payment_is_published() -> bool:
        asked[:] = [journey(platform.cloud, order)]
        return all(entry["published"] for entry in asked[0][1]["records"]["payments"]["entries"])

    wait_until("its payment event is published", payment_is_published)
    return asked[0]


def steps(journey: Mapping[str, Any]) -> dict[str, list[str]]:
    """The steps of each saga in a trace."""
    return {
        re.findall("Fulfilment|Withdrawal", execution["arn"])[0]: [
            step["name"] for step in execution["steps"]
        ]
        for execution in journey["executions"]
    }


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


def check_promises(platform: Platform) -> None:
    broken: list[Violation] = []

    def kept() -> bool:
        platform.snapshot.gather()
        platform.snapshot.gather_dead_letters()
        platform.snapshot.gather_events()
        broken[:] = find_violations(platform.database, CHECKS)
        return not broken

    # The log of events is a moment behind.
    poll(kept, seconds=SECONDS, interval=0.1)
    assert broken == []
    assert platform.database.execute("SELECT * FROM dead_letters").fetchall() == []


def test_order_is_confirmed_and_a_second_delivery_changes_nothing(platform):
    order = place(platform, "good")
    assert ended(platform, order) == [("CONFIRMED", None)]
    before = row(platform, order)

    deliver_again(platform, order)

    assert row(platform, order) == before
    check_promises(platform)
    assert published(platform, order) == ["OrderPlaced", "OrderConfirmed"]
    code, trace = trace_once_published(platform, order)
    assert (code, trace["problems"], trace["dead_letters"]) == (0, [], [])
    assert steps(trace) == {"Fulfilment": [*ACTIONS, "Confirm"]}
    standing = ["CONFIRMED", "TAKEN", "RESERVED", "BOOKED"]
    assert [trace["records"][service]["state"] for service in SERVICES] == standing
    (entry,) = trace["records"]["payments"]["entries"]
    assert (entry["kind"], entry["amount"]) == ("CHARGE", row(platform, order)["total"])


def test_refusal_at_any_step_undoes_the_steps_before_it(platform):
    orders = [
        place(platform, "too-many", quantity=5 * STOCK),
        place(platform, "too-dear", quantity=500),
        place(platform, "too-far", country=NOWHERE),
    ]

    assert ended(platform, *orders) == [
        ("REJECTED", "OutOfStock"),
        ("REJECTED", "PaymentDeclined"),
        ("REJECTED", "AddressUndeliverable"),
    ]
    check_promises(platform)
    assert published(platform, orders[0]) == ["OrderPlaced", "OrderRejected"]
    code, said = run_ops(platform.cloud, "order", "show", orders[1])
    assert code == 0, said
    assert re.search("saga +TakePayment  PaymentDeclined: above the card's limit", said)
    assert re.search("payments +DECLINED .*, above the card's limit\n", said)
    assert re.search("shipping +no shipment\n", said)


class TestCancelling:
    def test_before_the_saga(self, platform):
        with no_saga_starts(platform):
            order = place(platform, "before")
            assert cancel(platform, order) == (200, "CANCELLED")
        before = row(platform, order)

        deliver_again(platform, order)

        assert row(platform, order) == before
        assert "claim_owner" not in before
        assert cancel(platform, order) == (200, "CANCELLED")
        check_promises(platform)
        assert published(platform, order) == ["OrderPlaced", "OrderCancelled"]

    def test_during_the_saga(self, platform):
        with payments_wait(platform):
            order = place(platform, "during")
            wait_until("it is claimed", lambda: "claim_owner" in row(platform, order))
            assert cancel(platform, order) == (202, "PLACED")
            assert cancel(platform, order) == (202, "PLACED")
        assert ended(platform, order) == [("CANCELLED", "Cancelled")]
        check_promises(platform)
        assert published(platform, order) == ["OrderPlaced", "OrderCancelled"]

    def test_after_the_saga(self, platform):
        order = place(platform, "after")
        assert ended(platform, order) == [("CONFIRMED", None)]

        assert cancel(platform, order) == (202, "WITHDRAWN")

        assert ended(platform, order, at_first="WITHDRAWN") == [("CANCELLED", "Cancelled")]
        check_promises(platform)
        assert published(platform, order) == [
            "OrderPlaced",
            "OrderConfirmed",
            "OrderWithdrawn",
            "OrderCancelled",
        ]
        code, trace = journey(platform.cloud, order)
        assert (code, trace["problems"]) == (0, [])
        assert steps(trace) == {
            "Fulfilment": [*ACTIONS, "Confirm"],
            "Withdrawal": ["Claim", "CancelShipment", "RefundPayment", "ReleaseStock", "Reject"],
        }
        entries = trace["records"]["payments"]["entries"]
        assert [entry["kind"] for entry in entries] == ["CHARGE", "REFUND"]


def started_and_stopped(platform: Platform, key: str) -> str:
    """An order whose saga was stopped between stock and payment, or while it asked for that."""
    order = place(platform, key)
    reservation = {
        "TableName": platform.outputs["ReservationsTable"],
        "Key": {"order_id": {"S": order}},
    }
    dynamodb, states = platform.client("dynamodb"), platform.client("stepfunctions")
    wait_until("stock is reserved", lambda: "Item" in dynamodb.get_item(**reservation))
    states.stop_execution(executionArn=row(platform, order)["claim_owner"])
    return order


def test_work_of_a_dead_saga_is_finished_after_its_lease(platform):
    """Standard executions can be stopped; an Express one can only be cut off, which looks alike."""
    with payments_wait(platform):
        orders = [
            started_and_stopped(platform, "dead-1"),
            started_and_stopped(platform, "dead-2"),
        ]
    unwanted = orders[1]
    assert cancel(platform, unwanted) == (202, "PLACED")
    for order in orders:
        change(platform, order, check_after=LONG_AGO)
    assert run(platform, "RepublishStalled")["published"] == 0
    for order in orders:
        change(platform, order, check_after=LONG_AGO, claim_until=1)

    assert run(platform, "RepublishStalled", dry_run=True)["published"] == 2
    run(platform, "RepublishStalled")

    assert ended(platform, *orders) == [("CONFIRMED", None), ("CANCELLED", "Cancelled")]
    check_promises(platform)
    assert run(platform, "RepublishStalled")["published"] == 0
    code, trace = journey(platform.cloud, orders[0])
    assert (code, trace["problems"]) == (0, [])
    ends = [execution["status"] for execution in trace["executions"]]
    assert ends == ["ABORTED", "SUCCEEDED"]


class TestScheduledJobs:
    def test_later_of_two_duplicate_orders_is_held(self, platform):
        first = place(platform, "same-1")
        assert ended(platform, first) == [("CONFIRMED", None)]
        second = place(platform, "same-2", like="same-1")
        assert ended(platform, second) == [("CONFIRMED", None)]

        run(platform, "ResolveDuplicates")

        assert row(platform, second)["duplicate_of"] == first
        (hold,) = platform.api.order(second, customer="ada").body["held"]
        assert (hold["reason"], first in hold["explanation"]) == ("DuplicateOrder", True)
        assert "duplicate_of" not in row(platform, first)
        check_promises(platform)
        assert published(platform, second) == ["OrderPlaced", "OrderConfirmed", "OrderHeld"]

    def test_or_cancelled_where_that_is_the_policy(self, platform):
        with configured(platform, "JobsResolveDuplicates", DUPLICATE_POLICY="cancel"):
            first = place(platform, "equal-1")
            assert ended(platform, first) == [("CONFIRMED", None)]
            with payments_wait(platform):
                under_way = place(platform, "equal-2", like="equal-1")
                wait_until("it is claimed", lambda: "claim_owner" in row(platform, under_way))
                run(platform, "ResolveDuplicates")
                assert row(platform, under_way)["duplicate_of"] == first
            confirmed = place(platform, "equal-3", like="equal-1")
            ended(platform, confirmed)
            run(platform, "ResolveDuplicates")

        ends = [("CANCELLED", "DuplicateOrder")]
        assert ended(platform, under_way) == ends
        assert ended(platform, confirmed, at_first="WITHDRAWN") == ends
        answer = platform.api.order(confirmed, customer="ada").body
        assert first in answer["explanation"]
        assert row(platform, first)["state"] == "CONFIRMED"
        check_promises(platform)

    def test_order_past_its_retention_is_deleted(self, platform):
        with no_saga_starts(platform):
            order = place(platform, "long-ago")
            cancel(platform, order)
        check_promises(platform)
        change(platform, order, changed_at=LONG_AGO)

        run(platform, "ExpireOrders")

        assert platform.api.order(order, customer="ada").status == 404
        platform.database.execute("DELETE FROM accepted WHERE order_id = ?", [order])
        check_promises(platform)


def test_failed_compensation_waits_for_a_person_who_is_notified(platform):
    if platform.kind is StateMachineType.STANDARD:
        pytest.skip("Standard retries a compensation for a minute; tests/saga has it")
    lambda_ = platform.client("lambda")
    fault = denied_function(platform.client, platform.function("ReleaseStock"))
    fault.begin(platform.client)
    order = place(platform, "stuck", country=NOWHERE)

    assert ended(platform, order) == [("REJECTED", "AddressUndeliverable")]

    wait_until("operations are notified", lambda: row(platform, order)["sequence"] == 3)
    code, trace = journey(platform.cloud, order)
    assert (code, trace["dead_letters"][0]["queue"]) == (1, "orders/Repair")
    assert "it is REJECTED, and inventory has it RESERVED" in trace["problems"]
    (dead_letter,) = received(platform, platform.outputs["RepairQueue"])
    assert dead_letter["compensation"] == "ReleaseStock"
    assert dead_letter["error"]["Error"] == "ClientError"
    notes: list[dict[str, Any]] = []

    def note_arrives() -> bool:
        # Operations are notified of held orders as well.
        notifications = received(platform, platform.operations)
        notes.extend(each for each in notifications if each["detail"]["data"]["order_id"] == order)
        return bool(notes)

    wait_until("a note arrives", note_arrives)
    (note,) = notes
    assert note["detail-type"] == OrderNeedsAttention.detail_type
    assert parse_detail(OrderNeedsAttention, note["detail"]).data == OrderNeedsAttention(
        order_id=order,
        customer_id=row(platform, order)["customer_id"],
        failed_compensations=("ReleaseStock",),
    )

    fault.end(platform.client)
    answer = lambda_.invoke(
        FunctionName=dead_letter["function"], Payload=json.dumps(dead_letter["payload"])
    )

    assert "FunctionError" not in answer
    check_promises(platform)
    assert published(platform, order) == ["OrderPlaced", "OrderRejected", "OrderNeedsAttention"]


def test_throttled_compensation_delays_the_end_and_nobody_is_called(platform):
    if platform.kind is StateMachineType.STANDARD:
        pytest.skip("Standard retries a compensation for a minute; tests/saga has it")
    lambda_, release = platform.client("lambda"), platform.function("ReleaseStock")
    lambda_.put_function_concurrency(FunctionName=release, ReservedConcurrentExecutions=0)
    order = place(platform, "delayed", country=NOWHERE)
    wait_until("it is deferred", lambda: "deferred_since" in row(platform, order))
    assert row(platform, order)["deferred_step"] == "ReleaseStock"
    lambda_.delete_function_concurrency(FunctionName=release)

    code, said = run_ops(platform.cloud, "saga", "resume", order, "--yes")

    assert code == 0, said
    assert ended(platform, order) == [("REJECTED", "AddressUndeliverable")]
    assert received(platform, platform.outputs["RepairQueue"]) == []
    assert row(platform, order)["sequence"] == 2
    check_promises(platform)


def test_unreadable_change_is_dead_lettered_and_the_rest_is_published(platform):
    table, key = platform.outputs["OrdersTable"], {"order_id": {"S": "nonsense"}}
    platform.client("dynamodb").put_item(TableName=table, Item=key)
    order = place(platform, "after-nonsense")

    assert ended(platform, order) == [("CONFIRMED", None)]

    unpublished = platform.resource("AWS::SQS::Queue", "OutboxDeadLetters")
    dead_letters: list[dict[str, Any]] = []

    def is_dead_lettered() -> bool:
        dead_letters.extend(received(platform, unpublished))
        return bool(dead_letters)

    # The rest of its batch is published first.
    wait_until("it is dead-lettered", is_dead_lettered)
    (nonsense,) = dead_letters
    assert nonsense["record"]["dynamodb"]["Keys"] == key
    platform.client("dynamodb").delete_item(TableName=table, Key=key)
    check_promises(platform)


def test_throttled_participant_delays_orders_and_rejects_none(platform):
    """Busy is not broken: for 12 s nothing can be reserved, and 40 orders come in meanwhile."""
    lambda_, reserve = platform.client("lambda"), platform.function("ReserveStock")
    lambda_.put_function_concurrency(FunctionName=reserve, ReservedConcurrentExecutions=0)
    began = time.monotonic()
    orders = [place(platform, f"busy-{i}") for i in range(40)]
    wait_until("the throttling has lasted", lambda: time.monotonic() - began >= 12)
    lambda_.delete_function_concurrency(FunctionName=reserve)

    states = finished(platform, *orders)

    assert states == [("CONFIRMED", None)] * len(orders)
    check_promises(platform)


def test_deferred_order_is_seen_and_resumed_by_an_operator(platform):
    if platform.kind is StateMachineType.STANDARD:
        pytest.skip("Standard retries an action for a minute; tests/saga has it")
    lambda_, reserve = platform.client("lambda"), platform.function("ReserveStock")
    lambda_.put_function_concurrency(FunctionName=reserve, ReservedConcurrentExecutions=0)
    order = place(platform, "deferred")
    wait_until("it is deferred", lambda: "deferred_since" in row(platform, order))
    lambda_.delete_function_concurrency(FunctionName=reserve)
    change(platform, order, check_after="2100-01-01T00:00:00+00:00")

    assert (
        "longer than usual"
        in platform.api.order(order, customer="ada").body["delayed"]["explanation"]
    )
    code, said = run_ops(platform.cloud, "order", "show", order)
    assert code == 0, said
    error = "ReserveStock: Lambda.TooManyRequestsException"
    assert re.search(f"deferred since .*, next look at 2100-01-01 .*, because of {error}", said)
    assert order in run_ops(platform.cloud, "order", "list", "--deferred")[1]
    code, said = run_ops(platform.cloud, "saga", "resume", order)
    assert (code, "to resume" in said) == (0, True), said
    assert "deferred_since" in row(platform, order)

    code, said = run_ops(platform.cloud, "saga", "resume", "--all", "--yes")

    assert (code, "resumed" in said) == (0, True), said
    assert ended(platform, order) == [("CONFIRMED", None)]
    check_promises(platform)


@contextmanager
def without(platform: Platform, role: str, right: str) -> Iterator[str]:
    """Take a right from a role of the app; give the role's name, and the right back."""
    iam, name = platform.client("iam"), platform.resource("AWS::IAM::Role", role)
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    named = {"RoleName": name, "PolicyName": policy}
    whole = iam.get_role_policy(**named)["PolicyDocument"]
    left = [statement for statement in whole["Statement"] if right not in statement["Action"]]
    assert len(left) == len(whole["Statement"]) - 1
    iam.put_role_policy(**named, PolicyDocument=json.dumps({**whole, "Statement": left}))
    try:
        yield name
    finally:
        iam.put_role_policy(**named, PolicyDocument=json.dumps(whole))


@pytest.mark.parametrize(
    ("role", "right"),
    [
        ("RelayOutboxRole", "events:PutEvents"),
        ("ReserveStockRole", "dynamodb:UpdateItem"),
        ("BookShipmentRole", "dynamodb:PutItem"),
    ],
)
def test_missing_right_is_logged_and_no_promise_is_broken(platform, cloud, role, right):
    # The log of the cloud has what was denied to the other kind of saga as well.
    before = len(cloud.log.read_text())
    with without(platform, role, right) as name:
        order = place(platform, f"{role}-{right}")
        denied = re.compile(rf"{name}\S* is not authorized .* {right}")
        wait_until("the denial is logged", lambda: denied.search(cloud.log.read_text(), before))

    # A retry finds the right given back, or the order is deferred.
    assert finished(platform, order) == [("CONFIRMED", None)]
    check_promises(platform)


class TestTheDoor:
    def keys(self, platform: Platform) -> set[str]:
        answer = platform.client("dynamodb").scan(TableName=platform.outputs["OrdersTable"])
        return {item["order_id"]["S"] for item in answer["Items"]}

    def test_reused_key_is_a_conflict(self, platform):
        order = place(platform, "reused")
        assert ended(platform, order) == [("CONFIRMED", None)]

        assert place(platform, "reused") == order
        answer = platform.api.place(
            customer="ada",
            key=platform.key("reused"),
            country=HERE,
            lines=[{"sku": SKU, "quantity": 2, "unit_price": PRICE}],
        )

        assert answer.status == 409
        assert "Idempotency-Key" in answer.body["detail"]
        check_promises(platform)

    def test_order_is_visible_to_its_customer_only(self, platform):
        with no_saga_starts(platform):
            order = place(platform, "private")
            before = row(platform, order)

            asked = [
                platform.api.order(order, customer="bob"),
                platform.api.cancel(order, customer="bob"),
            ]

            assert [answer.status for answer in asked] == [404, 404]
            assert row(platform, order) == before
            cancel(platform, order)

    def test_price_that_is_not_on_offer_is_refused_and_keeps_nothing(self, platform):
        sku, token = platform.key("heart"), platform.customers.token("ada")
        put_prices_on_offer(platform.cloud, platform.outputs, [sku], PRICE)

        def try_price(price: int) -> api_client.ApiResponse:
            lines = [{"sku": sku, "quantity": 1, "unit_price": price}]
            answer: api_client.ApiResponse = platform.api.place(
                customer="ada", key=platform.key("priced"), country=NOWHERE, lines=lines
            )
            return answer

        before = self.keys(platform)
        refused = try_price(PRICE - 1)

        assert refused.status == 409
        (problem,) = refused.body["errors"]
        assert problem["field"] == "lines[0].unit_price"
        assert [offer["unit_price"] for offer in problem["offers"]] == [PRICE]
        assert self.keys(platform) == before
        assert try_price(PRICE).status == 202

        def shown() -> list[int]:
            answer = platform.http.request(
                "GET",
                f"{platform.outputs['ApiUrl']}/products/{sku}",
                headers={"Authorization": f"Bearer {token}"},
                retries=False,
            )
            product = json.loads(answer.data)
            return [offer["unit_price"] for offer in product.get("offers", [])]

        wait_until("the storefront shows the offer", lambda: shown() == [PRICE])

    @pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
    def test_request_without_a_token_is_refused(self, platform, method):
        path = "/orders" if method == "POST" else f"/orders/{'0' * 32}"

        answer = platform.http.request(method, platform.outputs["ApiUrl"] + path, retries=False)

        assert answer.status == 401

    def test_bad_order_is_refused_field_by_field_and_leaves_no_trace(self, platform):
        before = self.keys(platform)

        answer = platform.api.place(
            customer="ada",
            key=platform.key("bad"),
            country="",
            lines=[{"sku": SKU, "quantity": 0, "unit_price": -1}, {}],
        )

        assert answer.status == 400
        assert [problem["field"] for problem in answer.body["errors"]] == [
            "country",
            "lines[0].quantity",
            "lines[0].unit_price",
            "lines[1].sku",
            "lines[1].quantity",
            "lines[1].unit_price",
        ]
        assert self.keys(platform) == before
