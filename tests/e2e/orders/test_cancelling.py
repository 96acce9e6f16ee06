"""An order is cancelled before, during and after its saga."""

from tests.support.cli import journey
from tests.support.order_outcomes import (
    ACTIONS,
    COMPENSATIONS,
    check_promises,
    deliver_again,
    ended,
    published,
    steps,
)
from tests.support.orders_platform import cancel, no_saga_starts, payments_wait, place, row
from tests.support.waiting import wait_until


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
            "Withdrawal": [*COMPENSATIONS, "Reject"],
        }
        entries = trace["records"]["payments"]["entries"]
        assert [entry["kind"] for entry in entries] == ["CHARGE", "REFUND"]
