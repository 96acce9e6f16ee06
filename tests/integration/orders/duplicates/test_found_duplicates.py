"""Which orders repeat an earlier one, and what becomes of them under either policy."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.contracts.envelope import event_id
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders import SOURCE
from lambdas.contracts.times import format_time, reformat_time
from lambdas.orders.cancellation import cancel
from lambdas.orders.customer_view import customer_view
from lambdas.orders.domain import Hold, HoldState
from lambdas.orders.holds import hold, lift_hold
from tests.support.duplicates import (
    DONE,
    NOON,
    NOTHING,
    NOW,
    after,
    confirmed,
    counts,
    did,
    is_resolved,
)
from tests.support.order_jobs import Job, World
from tests.support.order_requests import BODY, line


class TestFound:
    def test_later_duplicate_is_held(self, load: Callable[[str], Job], world: World):
        earlier, later = confirmed(world, "1", after(1)), confirmed(world, "2", after(3))

        assert did(load("hold")) == counts(kept=1, held=1)

        at = reformat_time(earlier.placed_at)
        explanation = f"the same as order {earlier.order_id}, which was placed at {at}"
        assert world.row(later) == replace(
            later,
            sequence=3,
            out_of_band_events=1,
            dedup_bucket=None,
            duplicate_of=earlier.order_id,
            holds=(
                Hold(
                    cause=event_id(SOURCE, earlier.order_id, 1),
                    reason="DuplicateOrder",
                    explanation=explanation,
                    state=HoldState.HELD,
                    at=format_time(NOW),
                ),
            ),
        )
        assert customer_view(world.row(later))["held"][0]["explanation"] == explanation
        assert world.row(earlier) == earlier

    def test_later_duplicate_is_cancelled(self, load: Callable[[str], Job], world: World):
        earlier, later = confirmed(world, "1", after(1)), confirmed(world, "2", after(3))

        assert did(load("cancel")) == counts(kept=1, cancelled=1)

        noted = replace(later, dedup_bucket=None, duplicate_of=earlier.order_id)
        at = reformat_time(earlier.placed_at)
        explanation = f"the same as order {earlier.order_id}, which was placed at {at}"
        why = {"reason": "DuplicateOrder", "explanation": explanation}
        assert world.row(later) == cancel(noted, now=format_time(NOW), **why)
        assert customer_view(world.row(later))["explanation"] == explanation
        assert world.row(earlier) == earlier

    @pytest.mark.parametrize("disputed", [0, 1])
    def test_duplicate_is_held_while_the_payment_of_either_order_is_disputed(
        self, load: Callable[[str], Job], world: World, disputed: int
    ):
        """The first order may be cancelled yet: then the customer would have neither of them."""
        earlier, later = confirmed(world, "1", after(1)), confirmed(world, "2", after(3))
        dispute = {"cause": "d", "reason": "PaymentDisputed", "explanation": "fraudulent"}
        world.keep(hold((earlier, later)[disputed], **dispute, now=format_time(NOW)))

        assert did(load("cancel")) == counts(kept=1, held=1)
        assert world.row(later).state == OrderState.CONFIRMED

    def test_first_of_three_duplicates_is_kept(self, job: Job, policy: str, world: World):
        first, *others = [confirmed(world, f"{number}", after(number)) for number in range(4)]

        assert did(job)["kept"] == 1

        assert world.row(first) == first
        assert all(is_resolved(world.row(order), policy, repeats=first) for order in others)

    def test_sequence_of_lines_makes_no_difference(self, job: Job, world: World):
        confirmed(world, "1", after(1))
        confirmed(world, "2", after(2), body=BODY | {"lines": BODY["lines"][::-1]})

        assert sum(did(job).values()) == 2

    def test_different_order_is_not_found(self, job: Job, world: World):
        confirmed(world, "1", after(1))
        confirmed(world, "2", after(2), customer="12583")
        for number, body in enumerate(
            (
                BODY | {"country": "France"},
                BODY | {"currency": "EUR"},
                BODY | {"lines": BODY["lines"][:1]},
                BODY | {"lines": [*BODY["lines"], line(sku="22423")]},
                BODY | {"lines": [line(quantity=7), BODY["lines"][1]]},
                BODY | {"lines": [line(unit_price=254), BODY["lines"][1]]},
            )
        ):
            confirmed(world, f"other {number}", after(2), body=body)
        before = world.rows()

        assert did(job) == NOTHING
        assert world.rows() == before

    def test_duplicate_across_periods_is_found(self, job: Job, policy: str, world: World):
        earlier, later = confirmed(world, "1", after(-1)), confirmed(world, "2", after(0))
        assert earlier.dedup_bucket != later.dedup_bucket

        job.run()

        assert is_resolved(world.row(later), policy, repeats=earlier)

    def test_dispatched_duplicate_is_reported_once(
        self, job: Job, policy: str, world: World, capsys: pytest.CaptureFixture[str]
    ):
        earlier = confirmed(world, "1", after(1))
        later = confirmed(
            world, "2", after(2), state=OrderState.DISPATCHED, sequence=3, closed_shard="0"
        )

        assert did(job) == counts(kept=1, too_late=1)

        left = world.row(later)
        assert (left.state, left.reason, left.duplicate_of) == (
            OrderState.DISPATCHED,
            None,
            earlier.order_id,
        )
        # A hold that is too late is recorded.
        assert [hold.state for hold in left.holds] == (
            [HoldState.MISSED] if policy == "hold" else []
        )
        assert later.order_id in capsys.readouterr().out
        assert did(job) == NOTHING

    def test_scan_waits_for_the_outcome_of_the_earlier_order(
        self, job: Job, policy: str, world: World
    ):
        earlier, later = world.placed("1", after(1)), confirmed(world, "2", after(2))
        unwanted, wanted = (
            world.placed("3", after(1), customer="12583"),
            confirmed(world, "4", after(2), customer="12583"),
        )
        assert did(job) == counts(kept=2, undecided=2)
        assert world.row(later) == later

        world.keep(replace(earlier, state=OrderState.CONFIRMED, sequence=2, **DONE))
        world.keep(replace(unwanted, state=OrderState.REJECTED, sequence=2, **DONE))

        assert did(job)["kept"] == 3
        assert is_resolved(world.row(later), policy, repeats=earlier)
        assert world.row(wanted) == wanted

    @pytest.mark.parametrize("start", [-6, -2.5, 0])
    def test_undecided_order_makes_those_after_it_undecided(
        self, job: Job, policy: str, world: World, start: float
    ):
        """Whether the second repeats the first is open, so whether the third repeats it is, too."""
        first = world.placed("1", after(start))
        second, third = (
            confirmed(world, "2", after(start + 4)),
            confirmed(world, "3", after(start + 8)),
        )
        job.at(NOON + timedelta(minutes=start + 8, seconds=10))
        did(job)
        assert [world.row(order) for order in (second, third)] == [second, third]

        world.keep(replace(first, state=OrderState.CONFIRMED, sequence=2, **DONE))
        did(job)

        assert is_resolved(world.row(second), policy, repeats=first)
        # Of the third, the second is now no original.
        assert world.row(third) == third

    def test_duplicate_in_progress_is_resolved(self, job: Job, policy: str, world: World):
        earlier = confirmed(world, "1", after(1))
        claim: dict[str, Any] = {"claim_owner": "execution", "claimed_by": {"execution"}}
        claimed = world.placed("2", after(2), claim_until=9, **claim)

        did(job)

        found = world.row(claimed)
        assert found.duplicate_of == earlier.order_id
        assert (found.state, found.claim_owner) == (OrderState.PLACED, "execution")
        if policy == "cancel":
            assert (found.cancel_requested_at, found.reason) == (format_time(NOW), "DuplicateOrder")

    def test_lifted_duplicate_is_not_held_again(self, load: Callable[[str], Job], world: World):
        earlier, later = confirmed(world, "1", after(1)), confirmed(world, "2", after(3))
        job = load("hold")
        did(job)
        cause = event_id(SOURCE, earlier.order_id, 1)
        lifted = world.keep(lift_hold(world.row(later), cause=cause, now=format_time(NOW)))

        assert did(job) == NOTHING
        assert world.row(later) == lifted
