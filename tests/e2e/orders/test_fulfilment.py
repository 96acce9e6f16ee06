"""An order is confirmed, or refused at a step and the steps before it are undone."""

import re

from tests.support.cli import run_ops
from tests.support.order_outcomes import (
    ACTIONS,
    check_promises,
    deliver_again,
    ended,
    published,
    steps,
    trace_once_published,
)
from tests.support.orders_platform import NOWHERE, STOCK, place, row

SERVICES = ("orders", "payments", "inventory", "shipping")


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
