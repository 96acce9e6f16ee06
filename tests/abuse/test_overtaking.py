"""No invocation leads to something else because another one runs whole in the middle of it."""

import json
from typing import Any

import pytest

from lambdas.contracts.inventory import StockBelowMinimum
from lambdas.purchasing.store import PurchaseOrders
from tests.abuse.conftest import ARE_WANTED
from tests.contracts.catalog import read, sample_of
from tests.support.abuse_platform import MALLORY, SKU, AbusedPlatform, order_line, prepare
from tests.support.overtaking import Overtaking, Step, delivered, differences, requested, step
from tests.support.source_records import QUEUE, wrapped

TOLERATED = {
    ("own address", "POST /contact/confirmation"): "the older link confirms it, and a newer is sent"
}
"""Pairs that may differ, and how."""
RAISE, FOLLOW_UP = "purchasing.raise_purchase_orders", "purchasing.follow_up_purchase_orders"


def order(key: str, quantity: int = 1) -> dict[str, Any]:
    body = {"currency": "GBP", "country": "France", "lines": [order_line(quantity)]}
    return {"headers": {"Idempotency-Key": key}, "body": json.dumps(body)}


def contact(email: str) -> dict[str, Any]:
    return {"body": json.dumps({"name": "Mallory", "email": email})}


def requests(platform: AbusedPlatform) -> list[Step]:
    product = {"name": "Mug", "offers": [{"currency": "GBP", "unit_price": 300}]}
    own = {"order_id": platform.own_order}
    confirmation: dict[str, Any] = {"caller": None, "body": f"token={platform.tokens[1]}"}
    return [
        requested(platform, "POST /orders", "repeated order", **order("first")),
        requested(platform, "POST /orders", "another order of the key", **order("first", 2)),
        requested(platform, "POST /orders", "second order", **order("second")),
        requested(platform, "DELETE /orders/{order_id}", path=own),
        requested(platform, "PUT /contact", "own address", **contact("mallory@example.com")),
        requested(platform, "PUT /contact", "new address", **contact("new@example.com")),
        requested(platform, "DELETE /contact"),
        requested(platform, "POST /contact/confirmation", **confirmation),
        requested(platform, "PUT /products/{sku+}", path={"sku": SKU}, body=json.dumps(product)),
    ]


def commands(platform: AbusedPlatform) -> list[Step]:
    lines = [{"sku": SKU, "quantity": 2}]
    delivery = {"delivery_id": "e", "lines": lines}
    of_orders: dict[str, dict[str, Any]] = {
        "inventory.reserve_stock": {"lines": lines},
        "inventory.release_stock": {},
        "shipping.book_shipment": {"country": "France", "lines": lines},
        "shipping.cancel_shipment": {},
        "orders.lift_hold": {"cause": "c"},
        "orders.resume_order": {},
        "orders.mark_compensation_completed": {"compensation": "RefundPayment"},
    }
    return [
        step(platform.here, "inventory.receive_stock", delivery),
        step(platform.here, "notifications.erase_customer", {"customer_id": MALLORY}),
        *(
            step(platform.here, function, {"order_id": id, **command}, f"{function} of {whose}")
            for whose, id in (("own", platform.own_order), ("victim's", platform.victims_order))
            for function, command in of_orders.items()
        ),
    ]


def found(
    platform: AbusedPlatform, steps: list[Step], *, without_rows: bool = False
) -> dict[tuple[str, str], list[str]]:
    """Return where two invocations that share a table overtake one another with a difference."""
    overtaking = Overtaking(platform.here, without_rows=without_rows)
    tables = {each.name: overtaking.tables(each) for each in steps}
    return {
        (first.name, second.name): at
        for first in steps
        for second in steps
        if tables[first.name][0] & tables[second.name][1]
        or tables[first.name][1] & tables[second.name][0]
        if (at := differences(overtaking, first, second))
    }


def two_purchase_orders(platform: AbusedPlatform) -> None:
    """Go on to where one is about to be delivered, and another one is raised for the same SKU."""
    here = platform.here
    here.restore()
    event = read(sample_of(StockBelowMinimum))

    def raise_order(sequence: int) -> None:
        metadata = {**event["metadata"], "sequence": sequence, "event_id": f"low-{sequence}"}
        here.call_function(RAISE, wrapped(QUEUE, [{**event, "metadata": metadata}]))
        # The clocks of functions differ by seconds: from here on it is due for all of them.
        here.kernel.now += 10

    here.kernel.now += 4_000
    here.call_function(FOLLOW_UP, {})
    raise_order(101)
    here.call_function(FOLLOW_UP, {})
    here.kernel.now += 500
    raise_order(103)
    here.kernel.now += 200
    here.save()


@pytest.mark.parametrize(
    "without_rows",
    [
        False,
        pytest.param(True, marks=pytest.mark.skipif(not ARE_WANTED, reason="only on demand")),
    ],
)
def test_overtaken_invocation_leads_to_what_one_of_the_orders_leads_to(
    platform: AbusedPlatform, without_rows: bool
):
    platform.here.restore()
    steps = [*delivered(platform), *requests(platform), *commands(platform)]

    differing = found(platform, steps, without_rows=without_rows)

    assert {pair: at for pair, at in differing.items() if pair not in TOLERATED} == {}


def always(request: Any) -> Any:
    """Return a request whose conditions are always met."""
    if isinstance(request, list):
        return [always(each) for each in request]
    if not isinstance(request, dict):
        return request
    return {
        name: f"({value}) OR attribute_not_exists(nowhere)"
        if name == "ConditionExpression"
        else always(value)
        for name, value in request.items()
    }


def test_dispatch_without_its_condition_is_found(
    platform: AbusedPlatform, monkeypatch: pytest.MonkeyPatch
):
    tables = platform.here.tables
    perform = tables.perform
    platform.here.restore()
    steps = [
        each
        for each in [*delivered(platform), *commands(platform)]
        if each.name.startswith(("shipping.dispatch_shipment", "shipping.cancel_shipment"))
    ]
    assert found(platform, steps) == {}

    monkeypatch.setattr(tables, "perform", lambda name, request: perform(name, always(request)))

    assert found(platform, steps) != {}


def test_purchase_order_that_another_run_has_covered_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
):
    platform = prepare()
    with platform.here.installed():
        two_purchase_orders(platform)
        run = step(platform.here, FOLLOW_UP, {})
        overtaking = Overtaking(platform.here)

        assert not differences(overtaking, run, run, of=["sent"])

        note_sending = PurchaseOrders.note_sending

        def unheeded(orders: PurchaseOrders, id: str, *, now: str) -> bool:
            note_sending(orders, id, now=now)
            return True

        monkeypatch.setattr(PurchaseOrders, "note_sending", unheeded)

        assert differences(overtaking, run, run, of=["sent"])
