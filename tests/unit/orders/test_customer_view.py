"""What a customer sees of an order, and what stays with operators."""

from dataclasses import replace

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.customer_view import customer_view
from lambdas.orders.events import event_for_change
from lambdas.orders.holds import hold
from tests.support.changed_orders import LATER, PLACED_ORDER, REJECTED_ORDER


class TestView:
    def test_customer_view_has_no_internal_fields(self):
        claimed = replace(PLACED_ORDER, claim_owner="execution", claim_until=1)

        assert set(customer_view(claimed)) == {
            "order_id",
            "state",
            "currency",
            "country",
            "lines",
            "total",
            "placed_at",
            "changed_at",
        }

    def test_customer_view_of_a_rejected_order_has_the_reason(self):
        assert customer_view(REJECTED_ORDER)["reason"] == "PaymentDeclined"
        assert customer_view(REJECTED_ORDER)["explanation"] == "over the limit"

    @pytest.mark.parametrize(
        ("state", "shown"), [(OrderState.CONFIRMED, True), (OrderState.WITHDRAWN, False)]
    )
    def test_only_an_order_that_waits_is_shown_as_held(self, state: OrderState, shown: bool):
        held = hold(PLACED_ORDER, cause="c", reason="r", explanation="e", now=LATER)

        assert ("held" in customer_view(replace(held, state=state))) == shown


def test_customer_view_hides_technical_failures():
    """It stays on the row, for operators."""
    failed = replace(
        REJECTED_ORDER, reason="TechnicalFailure", explanation="TakePayment: States.Timeout"
    )
    event = event_for_change(PLACED_ORDER, failed)

    assert event is not None
    for published in (event.data.explanation, customer_view(failed)["explanation"]):
        assert published == "something went wrong on our side"
    assert (event.data.reason, customer_view(failed)["reason"]) == ("TechnicalFailure",) * 2
