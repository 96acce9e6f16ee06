"""A failure delays an order, is seen by an operator, and breaks no promise."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aws_cdk.aws_stepfunctions import StateMachineType

from lambdas.contracts.orders import OrderNeedsAttention
from tests.support.cli import journey, run_ops
from tests.support.faults import denied_function
from tests.support.order_outcomes import check_promises, ended, finished, published
from tests.support.orders_platform import NOWHERE, Platform, change, place, received, row, run
from tests.support.waiting import wait_until


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
        notes.extend(each for each in notifications if each.get("order_id") == order)
        return bool(notes)

    wait_until("a note arrives", note_arrives)
    (note,) = notes
    assert note["event"] == OrderNeedsAttention.detail_type
    assert set(note) == {"event", "order_id", "event_id", "causation_id"}

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
    assert run(platform, "RepublishStalled")["deferred"] >= 1
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
