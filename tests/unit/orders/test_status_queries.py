"""The order states that another service acts on."""

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders import OrderStatusReported


def test_each_state_is_undone_confirmed_or_neither():
    def kinds(state: str) -> tuple[bool, bool]:
        said = OrderStatusReported(order_id="o", state=state)
        return said.is_undone, said.is_confirmed

    assert [kinds(state) for state in (OrderState.REJECTED, OrderState.CANCELLED)] == [
        (True, False)
    ] * 2
    assert [kinds(state) for state in (OrderState.CONFIRMED, OrderState.DISPATCHED)] == [
        (False, True)
    ] * 2
    assert [kinds(state) for state in (OrderState.PLACED, OrderState.WITHDRAWN, "NEW")] == [
        (False, False)
    ] * 3
