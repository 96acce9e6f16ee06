"""Orders, and what the services have on record of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.codec import encode
from lambdas.contracts.inventory import ReservationState
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.values import Line, PricedLine
from lambdas.inventory.domain import Reservation
from lambdas.orders.domain import Hold, HoldState, Order
from lambdas.orders.rows import row_of
from lambdas.shipping.domain import Shipment, ShipmentState
from ops.orders.executions import execution_of
from ops.orders.records import OrderDeadLetter, OrderRecords
from workers.warehouse.domain import Picking

ID = "0f" * 16

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)

TOTAL = {"amount": 2_208, "currency": "GBP"}

UNITS = tuple(Line(sku=sku, quantity=n) for sku, n in (("85123A", 6), ("W/71053", 2)))

ARN = "arn:aws:states:eu-west-1:1:execution:Fulfilment:e1"

WITHDRAWAL = "arn:aws:states:eu-west-1:1:execution:Withdrawal:e2"


def at(second: float) -> str:
    return f"2026-12-01T08:26:{second:06.3f}+00:00"


def order(
    state: str, sequence: int = 2, second: float = 2, by: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    lines = tuple(PricedLine(**encode(line), unit_price=276) for line in UNITS)
    return row_of(
        Order(
            order_id=ID,
            customer_id="ada",
            state=OrderState(state),
            sequence=sequence,
            fingerprint="f",
            request_id="r",
            currency="GBP",
            country="Italy",
            lines=lines,
            total=2_208,
            placed_at=at(0),
            changed_at=at(second),
            claimed_by=set(by) or None,
            **more,
        )
    )


def reservation(state: str, *, changed: float = 0.5, **more: str) -> dict[str, Any]:
    return encode(
        Reservation(
            order_id=ID,
            state=ReservationState(state),
            lines=UNITS,
            created_at=at(0.5),
            changed_at=at(changed),
            **more,
        )
    )


def shipment(state: str, *, changed: float = 1.5) -> dict[str, Any]:
    return encode(
        Shipment(
            order_id=ID,
            shipment_id="s1",
            state=ShipmentState(state),
            created_at=at(1.5),
            changed_at=at(changed),
            country="Italy",
            lines=UNITS,
        )
    )


def mailed(*emails: str, state: str = "SENT") -> dict[str, Any]:
    """The records of e-mails: ``OrderConfirmed +invoice 2`` is a kind, and its second."""
    records = []
    for kind, *invoice, second in map(str.split, emails):
        times = {"state": state, "changed_at": at(float(second))}
        records.append({"order_id": ID, "kind": kind, **times, "with_invoice": bool(invoice)})
    return {"emails": records}


def charge(
    state: str, *kinds: str, explanation: str = "", published: bool = True
) -> dict[str, Any]:
    accounts = {
        "CHARGE": ("card-provider", "customer/ada"),
        "REFUND": ("customer/ada", "card-provider"),
    }
    entries = [
        {
            "kind": kind,
            "debit": accounts[kind][0],
            "credit": accounts[kind][1],
            **TOTAL,
            "occurred_at": at(second),
            "published": published,
        }
        for kind, second in zip(kinds, (1, 4), strict=False)
    ]
    times = {"created_at": at(0.9), "changed_at": at(1)}
    return {"state": state, **TOTAL, "explanation": explanation, **times, "entries": entries}


def seen(*events: str, **last: str) -> dict[str, Any]:
    """The timeline's row: ``orders/1 OrderPlaced 0`` is an event, its number and its second.

    ``last`` are further details of the last event.
    """
    row: dict[str, Any] = {"order_id": ID, "customer_id": "ada"}
    for event in events:
        name, kind, second = event.split()
        name += "/1"
        row[name] = {"event": kind, "at": at(float(second))}
        if kind.startswith("Payment") or kind in ("OrderPlaced", "OrderConfirmed"):
            row[name]["total"] = TOTAL
    row[name] |= last
    return row


def happened(kind: str, second: float, **details: Any) -> dict[str, Any]:
    name = {"TaskStateEntered": "stateEntered", "TaskFailed": "taskFailed"}.get(kind, "other")
    time = datetime.fromisoformat(at(second))
    return {"type": kind, "timestamp": time, f"{name}EventDetails": details}


def task(name: str, began: float, *attempts: str, took: float = 0.2) -> Iterator[dict[str, Any]]:
    """A task's events; an attempt is an error, empty if there was none."""
    yield happened("TaskStateEntered", began, name=name)
    for error in attempts or ("",):
        yield happened("TaskScheduled", began)
        name, _, message = error.partition(": ")
        cause = json.dumps({"errorMessage": message, "errorType": name})
        outcome = {"error": name, "cause": cause} if error else {}
        yield happened("TaskFailed" if error else "TaskSucceeded", began + took, **outcome)
    yield happened("TaskStateExited", began + took)


STARTED = happened("ExecutionStarted", 0.1)

SUCCEEDED = happened("ExecutionSucceeded", 2.1)

FULFILLED = [
    STARTED,
    *task("Claim", 0.2),
    *task("ReserveStock", 0.4),
    happened("ChoiceStateEntered", 0.6),
    *task("TakePayment", 0.8, "States.Timeout", ""),
    *task("BookShipment", 1.4),
    *task("Confirm", 1.8),
    SUCCEEDED,
]

OUT_OF_STOCK = "OutOfStock: too few available of 85123A"

DISPATCHED = OrderRecords(
    order=order("DISPATCHED", 3, 6, [ARN], claim_owner=ARN, claim_until=1),
    records={
        "payments": charge("TAKEN", "CHARGE"),
        "inventory": reservation("SHIPPED", changed=5.5),
        "shipping": shipment("DISPATCHED", changed=5),
        "warehouse": encode(
            Picking(order_id=ID, lines=UNITS, correlation_id=ID, cause="c", picked_at=at(4))
        ),
        "storefront": seen(
            "orders/1 OrderPlaced 0",
            "payments/1 PaymentTaken 1",
            "orders/2 OrderConfirmed 2",
            "warehouse/1 OrderPicked 4",
            "shipping/1 ShipmentDispatched 5",
            "orders/3 OrderDispatched 6",
        ),
        "notifications": mailed("OrderConfirmed +invoice 3", "OrderDispatched 7"),
    },
    executions=[execution_of(ARN, FULFILLED)],
    unreadable={},
)

NOTHING: Mapping[str, None] = dict.fromkeys(
    ("payments", "inventory", "shipping", "warehouse", "storefront")
)


def hold(reason: str, explanation: str, state: str, since: str, *, cause: str = "d") -> Hold:
    return Hold(
        cause=cause, reason=reason, explanation=explanation, state=HoldState(state), at=since
    )


PLACED = OrderRecords(
    order=order(
        "PLACED",
        2,
        0,
        open_shard="0",
        holds=(
            hold("R", "once", "LIFTED", at(0.1), cause="c"),
            hold("PaymentDisputed", "the payment is disputed: fraudulent", "HELD", at(0.2)),
        ),
    ),
    records={**NOTHING, "storefront": seen("orders/1 OrderPlaced 0", "orders/2 OrderHeld 0.2")},
    unreadable={},
)

REJECTED = OrderRecords(
    order=order(
        "REJECTED",
        reason="OutOfStock",
        explanation="too few available of 85123A",
        claim_owner=ARN,
    ),
    records={
        **NOTHING,
        "inventory": reservation("REFUSED", explanation="too few available of 85123A"),
        "storefront": seen(
            "orders/1 OrderPlaced 0", "orders/2 OrderRejected 2", reason="OutOfStock"
        ),
        "notifications": mailed("OrderRejected 3", state="NO_ADDRESS"),
    },
    executions=[
        execution_of(
            ARN, [STARTED, *task("Claim", 0.2), *task("ReserveStock", 0.4, OUT_OF_STOCK), SUCCEEDED]
        )
    ],
    unreadable={},
)

TROUBLED = OrderRecords(
    order=order(
        "CANCELLED",
        5,
        9,
        [ARN, WITHDRAWAL],
        claim_owner=WITHDRAWAL,
        cancel_requested_at=at(3),
        failed_compensations=["RefundPayment"],
    ),
    records={
        "payments": charge("TAKEN", "CHARGE", published=False),
        "inventory": reservation("RELEASED", changed=4),
        "shipping": shipment("CANCELLED", changed=3.5),
        "warehouse": None,
        "storefront": seen(
            "orders/1 OrderPlaced 0", "orders/2 OrderConfirmed 2", "orders/3 OrderWithdrawn 3"
        ),
        "notifications": mailed(),
    },
    executions=[
        execution_of(ARN, FULFILLED),
        execution_of(
            WITHDRAWAL,
            [
                STARTED,
                *task("CancelShipment", 3.4),
                *task("RefundPayment", 3.6, *["Boom: no answer"] * 7),
                *task("ReleaseStock", 3.9),
                SUCCEEDED,
            ],
        ),
    ],
    dead_letters=[
        OrderDeadLetter(queue="orders/Repair", id="m1", at=at(3.8), what="RefundPayment: no answer")
    ],
    unreadable={},
)

BLIND = replace(
    DISPATCHED,
    executions=(),
    records={"shipping": None, "warehouse": None},
    unreadable={
        "payments": "access denied",
        "saga": "no answer",
        "dead_letters": "orders/Repair: access denied",
    },
)

SITUATIONS = {
    "dispatched": DISPATCHED,
    "placed": PLACED,
    "rejected": REJECTED,
    "troubled": TROUBLED,
    "blind": BLIND,
}
