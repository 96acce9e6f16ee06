"""Which orders expire."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.domain import is_expired
from tests.support.order_states import EARLIER, NOW, STATES, order


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("failed", [(), ("RefundPayment",)])
@pytest.mark.parametrize(("changed_at", "old"), [(EARLIER, True), (NOW, False)])
def test_only_ended_orders_without_outstanding_compensations_expire(
    state: OrderState, failed: Sequence[str], changed_at: str, old: bool
):
    before = order(state, claimed=True, wished=False)
    asked = replace(before, failed_compensations=failed, changed_at=changed_at)

    over = state in (OrderState.REJECTED, OrderState.CANCELLED, OrderState.DISPATCHED)
    assert is_expired(asked, before=NOW) == (over and old and not failed)
