"""What is wrong with an order is named; what may still happen by itself is not."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from lambdas.contracts.codec import encode
from lambdas.contracts.notifications import NOTIFIED_EVENTS
from lambdas.contracts.orders import OrderConfirmed
from lambdas.orders.rows import order_of
from ops.orders.problems import (
    DUE_EMAILS,
    OVERDUE_AFTER,
    UNPUBLISHED_AFTER,
    email_problems,
    find_problems,
)
from ops.orders.records import OrderRecords
from ops.orders.row_checks import parse_email
from tests.unit.ops.order_samples import (
    ARN,
    DISPATCHED,
    NOW,
    PLACED,
    REJECTED,
    TROUBLED,
    at,
    charge,
    hold,
    mailed,
    order,
    reservation,
    seen,
    shipment,
)


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


class TestNextSteps:
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
    def test_overdue_next_step_is_a_problem(self, known: OrderRecords, said: str):
        assert list(find_problems(known, now=NOW)) == [said]
        assert list(find_problems(known, now=datetime.fromisoformat(at(2)) + OVERDUE_AFTER)) == []

    def test_held_order_is_not_overdue(self):
        assert list(find_problems(with_hold(CONFIRMED, "HELD", since=at(3)), now=NOW)) == []

    def test_overdue_time_counts_from_the_last_step(self):
        just = (NOW - OVERDUE_AFTER / 2).isoformat()
        picked = changed(
            CONFIRMED, warehouse={**cast(Any, CONFIRMED.records["warehouse"]), "picked_at": just}
        )
        for known in (picked, with_hold(CONFIRMED, "LIFTED", since=just)):
            assert list(find_problems(known, now=NOW)) == []

    @pytest.mark.parametrize("service", ["warehouse", "shipping"])
    def test_unreadable_service_is_no_overdue_step(self, service: str):
        records = {name: row for name, row in CONFIRMED.records.items() if name != service}
        assert list(find_problems(replace(CONFIRMED, records=records), now=NOW)) == []


class TestProblems:
    @pytest.mark.parametrize("known", [DISPATCHED, REJECTED])
    def test_finished_order_has_no_problem(self, known: OrderRecords):
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
                "of the 2 events of orders, the timeline lacks 1, the last since"
                " 2026-12-01 08:26:02: not published, or on their way",
            ),
            (
                changed(DISPATCHED, payments=charge("TAKEN", "CHARGE", published=False)),
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
    def test_problem_is_named(self, known: OrderRecords, said: str):
        assert said in list(find_problems(known, now=NOW))

    @pytest.mark.parametrize("service", DISPATCHED.records)
    def test_unreadable_service_is_no_contradiction(self, service: str):
        records = {name: row for name, row in DISPATCHED.records.items() if name != service}
        assert list(find_problems(replace(DISPATCHED, records=records), now=NOW)) == []

    def test_recent_change_is_no_problem(self):
        soon = datetime.fromisoformat(at(9)) + OVERDUE_AFTER / 2
        for known in (
            PLACED,
            changed(DISPATCHED, payments=charge("TAKEN", "CHARGE", published=False)),
        ):
            assert list(find_problems(known, now=soon)) == []

    def test_claimed_order_is_no_problem(self):
        until = int((NOW + timedelta(seconds=5)).timestamp())
        claimed = {**PLACED.order, "claim_owner": ARN, "claim_until": until}
        assert list(find_problems(replace(PLACED, order=claimed), now=NOW)) == []

    def test_completed_compensation_is_no_problem(self):
        repaired = replace(
            TROUBLED, order={**TROUBLED.order, "completed_compensations": ["RefundPayment"]}
        )
        assert not [
            each for each in find_problems(repaired, now=NOW) if "waits for a person" in each
        ]

    def test_all_problems_of_an_order_are_named(self):
        assert list(find_problems(TROUBLED, now=NOW)) == [
            "RefundPayment failed for good and waits for a person",
            "it is CANCELLED, and payments has it TAKEN",
            "of the 5 events of orders, the timeline lacks 4, 5, the last since"
            " 2026-12-01 08:26:09: not published, or on their way",
            "its customer was not notified of OrderConfirmed",
            "its customer was not notified of OrderCancelled",
            "the ledger's CHARGE was never published",
            "orders/Repair has a dead letter of it: RefundPayment: no answer",
        ]

    def test_many_missing_events_are_counted_up_to_a_few(self):
        """A row that somebody edited may have any number."""
        row = {**REJECTED.order, "sequence": 2**53 - 1}
        known = replace(REJECTED, order=row)

        (said,) = [each for each in find_problems(known, now=NOW) if "timeline lacks" in each]

        assert "lacks 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and more, the last since" in said

    def test_unpublished_order_is_a_problem_after_a_minute(self):
        """The relay may be stuck: an operator must not read that nothing is wrong."""
        known = replace(
            changed(PLACED, storefront=None),
            readers={"relay": "Enabled, its last result: PROBLEM", "projection": "Disabled"},
        )
        last = datetime.fromisoformat(at(0.2))

        assert list(find_problems(known, now=last + UNPUBLISHED_AFTER)) == []
        assert list(find_problems(known, now=last + UNPUBLISHED_AFTER + timedelta(seconds=1))) == [
            "of the 2 events of orders, the timeline lacks 1, 2, the last since"
            " 2026-12-01 08:26:00: not published, or on their way;"
            " the relay is Enabled, its last result: PROBLEM; the projection is Disabled"
        ]


class TestMails:
    """The mails and the invoice that the customer should have."""

    @pytest.mark.parametrize(
        ("known", "emails", "said"),
        [
            (DISPATCHED, mailed("OrderDispatched 7"), ["not notified of OrderConfirmed"]),
            (
                DISPATCHED,
                mailed(),
                ["not notified of OrderConfirmed", "not notified of OrderDispatched"],
            ),
            (
                DISPATCHED,
                mailed("OrderConfirmed 3", "OrderDispatched 7"),
                ["mailed without the invoice, which has not followed"],
            ),
            (
                DISPATCHED,
                mailed("Invoice +invoice 9", "OrderConfirmed 3", "OrderDispatched 7"),
                [],
            ),
            (REJECTED, mailed(), ["not notified of OrderRejected"]),
            (
                REJECTED,
                mailed("OrderRejected 3", state="SENDING"),
                ["whether its mail OrderRejected was sent is not known"],
            ),
            (PLACED, mailed(), []),
        ],
    )
    def test_mail_or_invoice_that_is_missing_for_long_is_a_problem(
        self, known: OrderRecords, emails: Any, said: list[str]
    ):
        order, records = order_of(known.order), [parse_email(each) for each in emails["emails"]]
        soon = datetime.fromisoformat(at(2)) + OVERDUE_AFTER

        problems = list(email_problems(order, records, now=NOW))

        assert len(problems) == len(said)
        assert all(text in problem for text, problem in zip(said, problems, strict=True))
        assert list(email_problems(order, records, now=soon)) == []

    @pytest.mark.parametrize("event", ["OrderConfirmed", "OrderPlaced"])
    def test_missing_confirmation_of_a_cancelled_order_is_known_by_its_timeline(self, event: str):
        """Its row does not say whether it was confirmed."""
        known = changed(
            replace(REJECTED, order={**REJECTED.order, "state": "CANCELLED"}),
            notifications=mailed("OrderCancelled 3"),
            storefront={"order_id": "x", "orders/2/1": {"event": event, "at": at(0)}},
        )

        said = [each for each in find_problems(known, now=NOW) if "not notified" in each]

        missing = "its customer was not notified of OrderConfirmed"
        assert said == ([missing] if event == "OrderConfirmed" else [])

    def test_every_event_that_customers_are_notified_of_is_due_in_some_state(self):
        due = {event for events in DUE_EMAILS.values() for event in events}

        assert due == {OrderConfirmed, *NOTIFIED_EVENTS}
