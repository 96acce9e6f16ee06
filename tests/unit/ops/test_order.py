"""An order's journey: how it is put together of what is known, what is wrong, how it is told."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from pg8000.native import DatabaseError, InterfaceError
from syrupy.assertion import SnapshotAssertion

from lambdas.contracts.codec import encode
from lambdas.contracts.orders import OrderState
from lambdas.contracts.values import Line
from lambdas.inventory.domain import Reservation, ReservationState
from lambdas.orders.domain import Hold, HoldState, Order
from lambdas.orders.rows import row_of
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.shipping.domain import Shipment, ShipmentState
from ops.commands import order_show as command
from ops.deployed import Deployed, OperationError
from ops.dlq.decode import RawMessage
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.peek import peek
from ops.dlq.readers import Depth, LeasedMessages
from ops.dlq.templates import Resource
from ops.orders import collect, ledger
from ops.orders.collect import MAX_READS, RecordCollector
from ops.orders.dead_letters import dead_letters_of
from ops.orders.executions import Execution, execution_of
from ops.orders.problems import OVERDUE_AFTER, find_problems
from ops.orders.records import OrderDeadLetter, OrderRecords
from ops.orders.render import render_lines
from ops.orders.trace import format_amount, history, trace_document
from ops.terminal import Terminal
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
    lines = [{"sku": line.sku, "quantity": line.quantity, "unit_price": 276} for line in UNITS]
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


def charge(state: str, *kinds: str, explanation: str = "", told: bool = True) -> dict[str, Any]:
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
            "published": told,
        }
        for kind, second in zip(kinds, (1, 4), strict=False)
    ]
    times = {"created_at": at(0.9), "changed_at": at(1)}
    return {"state": state, **TOTAL, "explanation": explanation, **times, "entries": entries}


def seen(*events: str, **last: str) -> dict[str, Any]:
    """The timeline's row: ``orders/1 OrderPlaced 0`` is an event, its number and its second.

    ``last`` is what the last of them tells besides.
    """
    row: dict[str, Any] = {"order_id": ID, "customer_id": "ada"}
    for event in events:
        name, kind, second = event.split()
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
        "payments": charge("TAKEN", "CHARGE", told=False),
        "inventory": reservation("RELEASED", changed=4),
        "shipping": shipment("CANCELLED", changed=3.5),
        "warehouse": None,
        "storefront": seen(
            "orders/1 OrderPlaced 0", "orders/2 OrderConfirmed 2", "orders/3 OrderWithdrawn 3"
        ),
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
    unreadable={"payments": "access denied", "saga": "no answer"},
)
SITUATIONS = {
    "dispatched": DISPATCHED,
    "placed": PLACED,
    "rejected": REJECTED,
    "troubled": TROUBLED,
    "blind": BLIND,
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_journey_for_people(situation: str, golden: SnapshotAssertion):
    told = trace_document(SITUATIONS[situation], now=NOW)

    assert "\n".join(render_lines(told)) == golden


@pytest.mark.parametrize("situation", ["troubled"])
def test_the_journey_for_scripts(situation: str, golden: SnapshotAssertion):
    told = trace_document(SITUATIONS[situation], now=NOW)

    assert json.dumps(told, indent=2, ensure_ascii=False) == golden


class TestStory:
    @pytest.mark.parametrize("known", SITUATIONS.values())
    def test_it_is_in_the_order_of_time(self, known: OrderRecords):
        times = [datetime.fromisoformat(moment["at"]) for moment in history(known)]
        assert times == sorted(times)

    def test_times_are_compared_and_not_their_spelling(self):
        known = replace(
            PLACED,
            order={**PLACED.order, "cancel_requested_at": "2026-12-01T09:25:59.5+01:00"},
        )
        assert [moment["what"] for moment in history(known)] == [
            "cancellation",
            "OrderPlaced",
            "OrderHeld",
        ]

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ({}, "asked for by the customer"),
            ({"duplicate_of": "0e" * 16}, f"it repeats order {'0e' * 16}"),
            (
                {
                    "duplicate_of": "0e" * 16,
                    "holds": (hold("DuplicateOrder", "the same as another", "LIFTED", at(2)),),
                },
                "asked for by the customer",
            ),
        ],
    )
    def test_who_had_it_cancelled(self, more: dict[str, Any], why: str):
        """A duplicate that was held is the customer's to cancel."""
        known = replace(TROUBLED, order=order("CANCELLED", 5, 9, cancel_requested_at=at(3), **more))
        details = [each["detail"] for each in history(known) if each["what"] == "cancellation"]
        assert details == [why]


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(1_500, "JPY", "1,500 JPY"), (1_500, "KWD", "1.500 KWD"), (123_405, "GBP", "1,234.05 GBP")],
)
def test_money_is_written_in_the_digits_of_its_currency(amount: int, currency: str, text: str):
    assert format_amount({"amount": amount, "currency": currency}) == text


def changed(known: OrderRecords, **records: Any) -> OrderRecords:
    return replace(known, records={**known.records, **records})


CONFIRMED = replace(
    DISPATCHED,
    order=order("CONFIRMED", 2, 2, [ARN], claim_owner=ARN, claim_until=1),
    records={
        **DISPATCHED.records,
        "inventory": reservation("RESERVED"),
        "shipping": shipment("BOOKED"),
    },
)
NOT_PICKED = changed(CONFIRMED, warehouse=None)


def with_hold(known: OrderRecords, state: str, *, since: str) -> OrderRecords:
    encoded = encode(hold("R", "why", state, since))
    return replace(known, order={**known.order, "holds": [encoded]})


class TestFollowingUp:
    """What follows by itself on an order that was confirmed, or has left."""

    @pytest.mark.parametrize(
        ("known", "said"),
        [
            (NOT_PICKED, "it is CONFIRMED, and has not been picked"),
            (CONFIRMED, "it is CONFIRMED and picked, and shipping has it BOOKED"),
            (
                changed(CONFIRMED, shipping=shipment("DISPATCHED")),
                "it is CONFIRMED and picked, and shipping has it DISPATCHED",
            ),
            (
                with_hold(NOT_PICKED, "HELD", since=at(2)),
                "it is CONFIRMED, and has not been picked",
            ),
            (
                with_hold(CONFIRMED, "LIFTED", since=at(3)),
                "it is CONFIRMED and picked, and shipping has it BOOKED",
            ),
            (
                changed(DISPATCHED, inventory=reservation("RESERVED")),
                "it is DISPATCHED, and inventory has it RESERVED",
            ),
        ],
    )
    def test_what_has_not_followed_is_named(self, known: OrderRecords, said: str):
        assert list(find_problems(known, now=NOW)) == [said]
        assert list(find_problems(known, now=datetime.fromisoformat(at(2)) + OVERDUE_AFTER)) == []

    def test_what_is_held_does_not_leave(self):
        assert list(find_problems(with_hold(CONFIRMED, "HELD", since=at(3)), now=NOW)) == []

    def test_time_counts_from_the_last_that_happened(self):
        just = (NOW - OVERDUE_AFTER / 2).isoformat()
        picked = changed(
            CONFIRMED, warehouse={**cast(Any, CONFIRMED.records["warehouse"]), "picked_at": just}
        )
        for known in (picked, with_hold(CONFIRMED, "LIFTED", since=just)):
            assert list(find_problems(known, now=NOW)) == []

    @pytest.mark.parametrize("service", ["warehouse", "shipping"])
    def test_of_what_could_not_be_read_nothing_is_said(self, service: str):
        records = {name: row for name, row in CONFIRMED.records.items() if name != service}
        assert list(find_problems(replace(CONFIRMED, records=records), now=NOW)) == []


class TestWrong:
    @pytest.mark.parametrize("known", [DISPATCHED, REJECTED])
    def test_nothing_is_of_an_order_that_came_to_its_end(self, known: OrderRecords):
        assert list(find_problems(known, now=NOW)) == []

    @pytest.mark.parametrize(
        ("known", "said"),
        [
            (changed(DISPATCHED, payments=None), "it is DISPATCHED, and payments has it nowhere"),
            (
                changed(DISPATCHED, payments=charge("PENDING")),
                "it is DISPATCHED, and payments has it PENDING",
            ),
            (
                changed(DISPATCHED, shipping=shipment("CANCELLED")),
                "it is DISPATCHED, and shipping has it CANCELLED",
            ),
            (
                changed(REJECTED, inventory=reservation("RESERVED")),
                "it is REJECTED, and inventory has it RESERVED",
            ),
            (
                changed(REJECTED, payments=charge("TAKEN", "CHARGE")),
                "it is REJECTED, and payments has it TAKEN",
            ),
            (
                changed(REJECTED, storefront=seen("orders/2 OrderRejected 2")),
                "of the 2 events of orders, the timeline lacks [1]",
            ),
            (
                changed(DISPATCHED, payments=charge("TAKEN", "CHARGE", told=False)),
                "the ledger's CHARGE was never published",
            ),
            (PLACED, "it is PLACED, and no saga has worked on it since 2026-12-01 08:26:00"),
            (
                replace(PLACED, order={**PLACED.order, "claim_owner": ARN, "claim_until": 7200}),
                "it is PLACED, and no saga has worked on it since 1970-01-01 02:00:00",
            ),
            (
                replace(REJECTED, dead_letters=TROUBLED.dead_letters),
                "orders/Repair has a dead letter of it: RefundPayment: no answer",
            ),
        ],
    )
    def test_what_does_not_mend_itself_is_named(self, known: OrderRecords, said: str):
        assert said in list(find_problems(known, now=NOW))

    @pytest.mark.parametrize("service", DISPATCHED.records)
    def test_of_what_could_not_be_read_nothing_is_known(self, service: str):
        records = {name: row for name, row in DISPATCHED.records.items() if name != service}
        assert list(find_problems(replace(DISPATCHED, records=records), now=NOW)) == []

    def test_what_was_just_done_may_be_on_its_way(self):
        soon = datetime.fromisoformat(at(9)) + OVERDUE_AFTER / 2
        for known in (
            PLACED,
            changed(REJECTED, storefront=None),
            changed(DISPATCHED, payments=charge("TAKEN", "CHARGE", told=False)),
        ):
            assert list(find_problems(known, now=soon)) == []

    def test_a_saga_that_still_has_its_lease_is_let_work(self):
        until = int((NOW + timedelta(seconds=5)).timestamp())
        claimed = {**PLACED.order, "claim_owner": ARN, "claim_until": until}
        assert list(find_problems(replace(PLACED, order=claimed), now=NOW)) == []

    def test_a_compensation_that_was_repaired_waits_no_more(self):
        repaired = replace(
            TROUBLED, order={**TROUBLED.order, "completed_compensations": ["RefundPayment"]}
        )
        assert not [
            each for each in find_problems(repaired, now=NOW) if "waits for a person" in each
        ]

    def test_an_order_in_trouble_names_all_of_it(self):
        assert list(find_problems(TROUBLED, now=NOW)) == [
            "RefundPayment failed for good and waits for a person",
            "it is CANCELLED, and payments has it TAKEN",
            "of the 5 events of orders, the timeline lacks [4, 5]",
            "the ledger's CHARGE was never published",
            "orders/Repair has a dead letter of it: RefundPayment: no answer",
        ]


class TestExecutions:
    def test_steps_have_their_attempts_and_how_they_ended(self):
        execution = execution_of(ARN, FULFILLED)
        assert (execution.status, execution.note) == ("SUCCEEDED", "")
        assert [(step.name, step.outcome) for step in execution.steps] == [
            ("Claim", "done in 0.2 s"),
            ("ReserveStock", "done in 0.2 s"),
            ("TakePayment", "done in 0.2 s (2 attempts)"),
            ("BookShipment", "done in 0.2 s"),
            ("Confirm", "done in 0.2 s"),
        ]

    def test_one_that_goes_on_has_a_step_under_way(self):
        history = [STARTED, *list(task("Claim", 0.2, "Boom: no"))[:-1]]
        execution = execution_of(ARN, history)
        assert execution.status == "RUNNING"
        assert execution.steps[-1].outcome == "in progress, after Boom: no"

    @pytest.mark.parametrize("kind", ["Failed", "TimedOut", "Aborted"])
    def test_one_that_died_says_of_what(self, kind: str):
        end = happened(f"Execution{kind}", 9, error="OutcomeUnknown", cause="it waits\nthere")
        assert execution_of(ARN, [STARTED, end]).note == "OutcomeUnknown: it waits"


class NoHistory(Exception):
    pass


class Account:
    """The account, as far as it knows of one order; each table is asked consistently."""

    class exceptions:  # noqa: N801
        ExecutionDoesNotExist = NoHistory

    def __init__(
        self, order: Any, *, without: str = "", denied: str = "", changes: int = 0, **history: Any
    ) -> None:
        self.tables: dict[str, Any] = {
            "OrdersTable": order,
            "ReservationsTable": reservation("RESERVED"),
        }
        self.without = without
        self.denied = denied
        self.changes = changes
        self.histories = history
        self.asked: list[str] = []

    def outputs(self, stack: str) -> Mapping[str, str]:
        if stack == self.without:
            raise OperationError(f"there is no stack Orders-Dev-{stack} in eu-west-1")
        output = {"Inventory": "Reservations", "Storefront": "Timelines", "Warehouse": "Pickings"}
        name = f"{output.get(stack, {'Shipping': 'Shipments'}.get(stack, stack))}Table"
        return {name: name, "LedgerEndpoint": "ledger"}

    def client(self, service: str) -> "Account":
        return self

    def get_item(self, *, TableName: str, Key: Any, ConsistentRead: bool) -> Any:  # noqa: N803
        assert (ConsistentRead, Key) == (True, {"order_id": {"S": ID}})
        self.asked.append(TableName)
        if TableName == self.denied:
            error: Any = {"Code": "AccessDeniedException", "Message": "no\nnot you"}
            raise ClientError({"Error": error}, "GetItem")
        row = self.tables.get(TableName)
        if TableName == "OrdersTable" and self.changes:
            self.changes -= 1
            row = {**self.tables[TableName], "sequence": self.changes}
        return {"Item": to_item(row)} if row else {}

    def get_paginator(self, verb: str) -> "Account":
        assert verb == "get_execution_history"
        return self

    def paginate(self, *, executionArn: str) -> Iterator[Any]:  # noqa: N803
        name = executionArn.rpartition(":")[2]
        if name not in self.histories:
            raise NoHistory
        for event in self.histories[name]:
            yield {"events": [event]}


CLAIMED = order("CONFIRMED", by=[ARN])


class Held:
    """A place's contents, of which others may hold some."""

    def __init__(self, *bodies: str, held: int = 0) -> None:
        self.bodies = bodies
        self.held = held
        self.given_back = False

    def depth(self) -> Depth:
        return Depth(visible=len(self.bodies), in_flight=self.held, measured_at=NOW)

    def lease_messages(self) -> LeasedMessages:
        try:
            for number, body in enumerate(self.bodies):
                yield RawMessage(id=f"m{number}", body=body, sent_at=NOW)
        finally:
            self.given_back = True

    def delete(self, message: RawMessage) -> None:
        raise AssertionError("looking takes nothing away")


REPAIR = FailureSink(
    resource=Resource(stack="Orders-Dev-Orders", id="Repair12345678", kind="q", physical="u"),
    routes=(),
)


class TestDeadLetters:
    def test_dead_letters_that_mention_the_order_are_found_and_given_back(self):
        piece = {"compensation": "RefundPayment", "function": "f", "payload": {"order_id": ID}}
        other = {**piece, "payload": {"order_id": "another"}}
        held = Held(json.dumps(other), json.dumps(piece), f"nobody knows what of {ID}")

        contents = peek(REPAIR, held)
        pieces = dead_letters_of(ID, contents)

        assert [(piece.queue, piece.id, piece.what) for piece in pieces] == [
            ("orders/Repair", "m1", "RefundPayment"),
            ("orders/Repair", "m2", "for an unknown reason"),
        ]
        assert (contents.is_complete, held.given_back) == (True, True)

    @pytest.mark.parametrize(
        ("held", "complete"),
        [(Held("{}", held=1), False), (Held(held=1), False), (Held(), True)],
    )
    def test_sink_of_which_others_hold_some_is_incomplete(self, held: Held, complete: bool):
        contents = peek(REPAIR, held)

        assert dead_letters_of(ID, contents) == []
        assert contents.is_complete == complete


class Books:
    """The ledger's answer to the one question that it is asked."""

    def __init__(self, *rows: Sequence[Any]) -> None:
        self.rows = rows
        self.closed = False

    def run(self, query: str, *, order_id: str) -> Sequence[Sequence[Any]]:
        assert order_id == ID
        return self.rows

    def close(self) -> None:
        self.closed = True


class TestLedger:
    def collect(self, monkeypatch: pytest.MonkeyPatch, *rows: Sequence[Any]) -> Any:
        books = Books(*rows)
        monkeypatch.setattr(ledger, "_connect", lambda *_: books)
        found = ledger.read_payment(cast(Deployed, None), "host", ID)
        assert books.closed
        return found

    def test_a_charge_comes_with_its_entries(self, monkeypatch: pytest.MonkeyPatch):
        charged = ("REFUNDED", 2_208, "GBP", "", NOW, NOW)
        entries = (
            ("CHARGE", "card-provider", "customer/ada", 2_208, "GBP", NOW, True),
            ("REFUND", "customer/ada", "card-provider", 2_208, "GBP", NOW, False),
        )
        found = self.collect(monkeypatch, *([*charged, *entry] for entry in entries))
        assert (found["state"], found["amount"]) == ("REFUNDED", 2_208)
        assert [(e["kind"], e["debit"], e["published"]) for e in found["entries"]] == [
            ("CHARGE", "card-provider", True),
            ("REFUND", "customer/ada", False),
        ]

    def test_a_tombstone_has_neither_amount_nor_entries(self, monkeypatch: pytest.MonkeyPatch):
        row = ["REFUNDED", None, None, "", NOW, NOW, *[None] * 6, True]
        found = self.collect(monkeypatch, row)
        assert (found["amount"], found["entries"]) == (None, [])
        told = trace_document(replace(REJECTED, records={"payments": found}), now=NOW)
        assert "  payments  REFUNDED of nothing" in list(render_lines(told))

    def test_no_charge_is_none(self, monkeypatch: pytest.MonkeyPatch):
        assert self.collect(monkeypatch) is None


class TestWitnesses:
    @pytest.fixture(autouse=True)
    def books(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ledger, "read_payment", lambda *_: charge("TAKEN", "CHARGE"))
        monkeypatch.setattr(collect, "find_dead_letters", lambda *_: ((), self.held))

    held: Sequence[str] = ()

    def collect(self, account: Account, id: str = ID) -> OrderRecords:
        return RecordCollector(cast(Deployed, account), id).collect()

    def test_each_is_asked_once_and_orders_again_for_what_changed_meanwhile(self):
        account = Account(CLAIMED, e1=FULFILLED)
        known = self.collect(account)
        assert known.records["inventory"] == from_item(to_item(reservation("RESERVED")))
        assert known.records["shipping"] is None
        assert known.executions == [execution_of(ARN, FULFILLED)]
        assert account.asked == [
            "OrdersTable",
            "ReservationsTable",
            "ShipmentsTable",
            "PickingsTable",
            "TimelinesTable",
            "OrdersTable",
        ]

    @pytest.mark.parametrize(("changes", "times"), [(1, 2), (2, 3), (99, MAX_READS)])
    def test_an_order_that_changes_is_asked_about_again_a_few_times(self, changes: int, times: int):
        account = Account(CLAIMED, changes=changes)
        self.collect(account)
        assert account.asked.count("ShipmentsTable") == times

    def test_what_cannot_be_read_is_named_and_the_rest_is_told(self):
        known = self.collect(Account(CLAIMED, without="Warehouse", denied="ShipmentsTable"))
        assert set(known.records) == {"payments", "inventory", "storefront"}
        assert set(known.unreadable) == {"shipping", "warehouse"}
        assert known.unreadable["warehouse"].startswith("there is no stack ")
        assert "AccessDeniedException" in known.unreadable["shipping"]
        assert "\n" not in known.unreadable["shipping"]

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (DatabaseError({"S": "FATAL", "C": "08006", "M": "access denied"}), "access denied"),
            (InterfaceError("no\nanswer"), "no"),
            (TimeoutError("timed out"), "timed out"),
        ],
    )
    def test_a_ledger_that_lets_nobody_in_says_why(
        self, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
    ):
        def refuse(*_: Any) -> None:
            raise error

        monkeypatch.setattr(ledger, "read_payment", refuse)
        assert self.collect(Account(CLAIMED, e1=FULFILLED)).unreadable == {"payments": said}

    def test_what_somebody_else_holds_cannot_be_seen(self):
        self.held = ["orders/Repair"]
        known = self.collect(Account(CLAIMED, e1=FULFILLED))
        assert known.unreadable == {"dead_letters": "others hold some of orders/Repair: try again"}

    @pytest.mark.parametrize("id", [ID, "o-1"])
    def test_an_order_that_there_is_not_is_said_so(self, id: str):
        with pytest.raises(OperationError, match=f"there is no order {id}"):
            self.collect(Account(None), id)

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("state", "NONSENSE"),
            ("state", None),
            ("changed_at", "yesterday"),
            ("changed_at", "2026-12-01T00:00:00"),
            ("total", "much"),
            ("lines", "none"),
            ("lines", [{"sku": 7}]),
            ("holds", [{"state": "HELD"}]),
            ("holds", "h"),
            ("claim_until", 10**20),
            ("claimed_by", "e"),
            ("reason", b"\x00"),
        ],
    )
    def test_row_that_is_no_order_is_said_in_one_line(self, column: str, value: Any):
        with pytest.raises(OperationError, match=f"the row {ID} is no order: ") as refused:
            self.collect(Account({**CLAIMED, column: value}))

        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(
        ("service", "table", "row"),
        [
            ("inventory", "ReservationsTable", {"state": "RESERVED"}),
            ("shipping", "ShipmentsTable", {**shipment("BOOKED"), "created_at": 7}),
            ("warehouse", "PickingsTable", {"lines": "x", "picked_at": at(1)}),
            ("storefront", "TimelinesTable", {"order_id": ID, "orders/x": {}}),
            ("storefront", "TimelinesTable", {"order_id": ID, "orders/1": "text"}),
        ],
    )
    def test_garbled_row_of_a_service_is_unreadable_and_the_rest_is_shown(
        self, service: str, table: str, row: dict[str, Any]
    ):
        account = Account(CLAIMED, e1=FULFILLED)
        account.tables[table] = row

        known = self.collect(account)

        assert set(known.unreadable) == {service}
        assert service not in known.records
        assert list(render_lines(trace_document(known, now=NOW)))

    def test_execution_that_is_no_arn_is_shown_as_unknown(self):
        known = self.collect(Account(order("REJECTED", by=["nonsense"])))

        assert [each.status for each in known.executions] == ["UNKNOWN"]
        assert list(render_lines(trace_document(known, now=NOW)))

    @pytest.mark.parametrize(
        ("row", "executions"),
        [
            (order("CANCELLED"), []),
            (
                order("CONFIRMED", by=["arn:aws:states:r:1:express:Fulfilment:e:1"]),
                [("UNKNOWN", "an Express workflow: ")],
            ),
            (order("REJECTED", by=[ARN]), [("UNKNOWN", "its history is gone")]),
        ],
    )
    def test_a_saga_of_which_no_steps_are_known_says_why(
        self, row: Any, executions: list[tuple[str, str]]
    ):
        found: Sequence[Execution] = self.collect(Account(row)).executions
        assert [each.status for each in found] == [status for status, _ in executions]
        for execution, (_, note) in zip(found, executions, strict=True):
            assert execution.note.startswith(note)

    def test_sagas_are_told_by_when_they_began(self):
        later = [happened("ExecutionStarted", 3), SUCCEEDED]
        withdrawn = order("CANCELLED", by=[ARN, "a:b:c:d:e:execution:A:first", WITHDRAWAL])
        account = Account(withdrawn, first=later, e1=FULFILLED)
        found = [execution.arn.rpartition(":")[2] for execution in self.collect(account).executions]
        assert found == ["e1", "first", "e2"]

    @pytest.mark.parametrize(
        ("account", "code"),
        [
            (Account(CLAIMED, without="Warehouse"), 2),
            (Account(CLAIMED), 1),
            (Account({**PLACED.order, "changed_at": datetime.now(UTC).isoformat()}), 0),
        ],
    )
    def test_it_ends_by_what_it_found(
        self, account: Account, code: int, capsys: pytest.CaptureFixture[str]
    ):
        parser = ArgumentParser()
        command.arguments(parser)
        arguments = parser.parse_args([ID, "--json"])
        assert command.run(arguments, cast(Deployed, account), Terminal()) == code
        said = json.loads(capsys.readouterr().out)
        assert (bool(said["unreadable"]), bool(said["problems"])) == (code == 2, code > 0)
        assert said["order_id"] == ID
