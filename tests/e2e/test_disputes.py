"""A disputed payment holds its order; the order is dispatched when the hold is lifted.

Only the stacks on its way are deployed; the tests play the warehouse.
"""

import json
from typing import Any

from demo import partner
from lambdas.orders.domain import order_id
from tests.support.cli import run_ops
from tests.support.deliveries import eventually
from tests.support.disputes_env import Platform, platform
from tests.support.small_stacks import lines

__all__ = ["platform"]


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
    code, said = run_ops(
        platform.cloud, "dlq", "redrive", "disputes/IngestDisputeDeadLetters", "--yes"
    )
    # It may have failed again before the command ended, which then says so with a 1.
    assert code == int("failed again" in said), said
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
