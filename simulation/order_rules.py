"""What must hold in each state of the order's model, and how it may end."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from lambdas.contracts.codec import encode
from lambdas.contracts.commands import TECHNICAL_FAILURE
from lambdas.contracts.order_states import (
    FULFILLED_STATES,
    OPEN_STATES,
    TERMINAL_STATES,
    UNDONE_STATES,
    OrderState,
)
from lambdas.contracts.orders import DISPUTED, SOURCE
from lambdas.contracts.times import format_time
from lambdas.contracts.values import PricedLine
from lambdas.inventory.domain import StockLevel
from lambdas.orders.dedup_key import with_dedup_key
from lambdas.orders.domain import Order, next_check, shard
from lambdas.orders.rows import row_of
from lambdas.runtime.dynamodb import to_item
from simulation.kernel import START
from simulation.order_model import ACTIONS
from simulation.order_world import World
from simulation.pure_handlers import Rows
from simulation.row_events import ORDER_ID, order_event, order_in, state_in

PAID = ("CHARGED", "DISPUTED")
"""The states of a card's charge in which the shop has the money, or may yet keep it."""
UNITS = 2
"""How many units the order has."""


def starts(*, faults: int, cancellations: int, disputes: int) -> Iterator[World]:
    """Yield the worlds in which an order was just accepted: one that can be fulfilled, and others.

    Of those, one lacks stock, one is declined, and one cannot be delivered.
    """
    now = format_time(START)
    for in_stock, price, country in (
        (UNITS, 700, "France"),
        (UNITS - 1, 700, "France"),
        (UNITS, 70_000, "France"),
        (UNITS, 700, "Unspecified"),
    ):
        order = Order(
            order_id=ORDER_ID,
            customer_id="customer",
            state=OrderState.PLACED,
            sequence=1,
            fingerprint="",
            request_id="request",
            currency="GBP",
            country=country,
            lines=(PricedLine(sku="cup", quantity=UNITS, unit_price=price),),
            total=UNITS * price,
            placed_at=now,
            changed_at=now,
            open_shard=shard(ORDER_ID),
            check_after=next_check(now),
        )
        stock = StockLevel(
            sku="cup",
            available=in_stock,
            reserved=0,
            minimum=0,
            sequence=1,
            changed_at=now,
            cause="",
        )
        rows = Rows(_row(row_of(with_dedup_key(order))), stock=_row(encode(stock)))
        yield World(
            rows, events=frozenset({order_event("", rows.order)}), faults=faults,
            cancellations=cancellations, disputes=disputes,
        )  # fmt: skip


def problem_of(world: World) -> str:
    """Return what must not be in this state; empty if all is well."""
    entries = world.payment.entries
    if len(entries) > len(set(entries)) or entries[:1] == ("REFUND",):
        return f"the ledger has {entries}"
    if any(e.wished and e.at.task in ACTIONS for e in world.executions):
        return "a wish to cancel was on record at the claim, and an action is taken"
    if _numbers(world.events) != list(range(1, order_in(world.rows.order).sequence + 1)):
        return f"the order's events have the numbers {_numbers(world.events)}"
    if world.known_hold[1] and _states(world.rows)[1] == "DISPATCHED":
        return "dispatched, although shipping knew of the hold"
    return _problem_of_rows(world.rows)


def is_end(world: World) -> bool:
    """Return whether nothing is under way any more, and all is as the order's state says."""
    if world.executions or world.late or world.repairs:
        return False
    order, shipped, reserved, card = _states(world.rows)
    charge = world.payment.charge.state.value if world.payment.charge else ""
    entries = world.payment.entries
    if order.state == OrderState.DISPATCHED:
        found = (shipped, reserved, card, charge, entries)
        return not order.held and found == (
            "DISPATCHED",
            "SHIPPED",
            "CHARGED",
            "TAKEN",
            ("CHARGE",),
        )
    if order.state in UNDONE_STATES and order.outstanding_compensations:
        return True  # OrderNeedsAttention names to an operator what is left.
    return (
        order.state in UNDONE_STATES
        and shipped not in ("BOOKED", "DISPATCHED")
        and reserved in ("", "REFUSED", "RELEASED")
        and card not in PAID
        and charge not in ("PENDING", "TAKEN")
        and entries in ((), ("CHARGE", "REFUND"))
    )


@cache
def _problem_of_rows(rows: Rows) -> str:
    order, shipped, reserved, card = _states(rows)
    if shipped == "DISPATCHED" and (card not in PAID or reserved not in ("RESERVED", "SHIPPED")):
        return f"dispatched, and its card is {card}, its stock {reserved}"
    if shipped == "DISPATCHED" and order.state in UNDONE_STATES:
        return f"dispatched, and the order is {order.state}"
    if order.is_disputed and order.state == OrderState.WITHDRAWN and order.reason != DISPUTED:
        return "cancelled by its customer although its payment is disputed"
    if order.state == OrderState.CONFIRMED and order.cancel_requested_at:
        return "confirmed over a wish to cancel"
    if order.state == OrderState.REJECTED and order.reason == TECHNICAL_FAILURE:
        return "rejected because of a fault"
    if problem := _problem_of_order(order):
        return problem
    stock = json.loads(rows.stock)
    available, held = (int(stock[column]["N"]) for column in ("available", "reserved"))
    if available < 0 or held != UNITS * (reserved == "RESERVED"):
        return f"the reservation is {reserved}, {available} are available and {held} reserved"
    return ""


def _problem_of_order(order: Order) -> str:
    """Return what contradicts the order's state in its row: the jobs find orders by these."""
    ended, waits = order.state in TERMINAL_STATES, order.deferred_since is not None
    checked = order.check_after is not None
    if (
        checked is ended
        or (order.open_shard is None) is checked
        or ((order.closed_shard is None) is ended)
    ):
        return f"it is {order.state}, and is checked at {order.check_after}"
    if (order.deferred_shard is None) is waits or (waits and order.state not in OPEN_STATES):
        return f"it is {order.state}, and deferred since {order.deferred_since}"
    if order.dedup_bucket and order.state in UNDONE_STATES:
        return f"it is {order.state}, and compared with other orders"
    if order.reason and order.state in FULFILLED_STATES:
        return f"it is {order.state}, because of {order.reason}"
    return ""


@cache
def _numbers(events: frozenset[str]) -> list[int]:
    """Return the sequence numbers of the order's own events."""
    parsed = [json.loads(event) for event in events]
    own = [event["detail"] for event in parsed if event["source"] == SOURCE]
    return sorted(detail["metadata"]["sequence"] for detail in own)


@cache
def _states(rows: Rows) -> tuple[Order, str, str, str]:
    """Return the order, and the states of its shipment, its reservation and its card's charge."""
    shipped, reserved, card = (
        state_in(row) for row in (rows.shipment, rows.reservation, rows.card)
    )
    return order_in(rows.order), shipped, reserved, card


def _row(row: dict[str, Any]) -> str:
    return json.dumps(to_item(row), sort_keys=True)
