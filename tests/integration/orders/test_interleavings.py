"""An order's sagas, jobs and requests in any interleaving, with crashes and redeliveries."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from lambdas.contracts.orders import OrderState
from tests.integration.orders.conftest import make_orders_table
from tests.support.checked_order import WAYS
from tests.support.order_life import Life
from tests.support.saga_simulator import ACTIONS


@pytest.fixture
def life(dynamodb: Any) -> Callable[[], Life]:
    table = make_orders_table(dynamodb)
    number = iter(range(1_000_000))
    return lambda: Life(dynamodb, table, lambda: next(number))


def test_any_interleaving_ends_in_the_promised_state(life: Callable[[], Life]):
    run_state_machine_as_test(
        cast(type[Life], life),
        settings=settings(
            max_examples=60,
            stateful_step_count=24,
            database=None,
            # A failure is not shrunk: that takes minutes.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_order_dispatched_before_its_cancellation_has_no_reason(life: Callable[[], Life]):
    order = life()
    order.finish(index=0)
    order.pick()
    order.cancel(meanwhile=False, index=0, fault="", reason="DuplicateOrder")
    order.deliver(index=1)
    order.finish(index=0)

    assert (order.row().state, order.row().reason) == (OrderState.DISPATCHED, None)


@pytest.mark.parametrize("trouble", ["before", "after"])
@pytest.mark.parametrize("confirmed", [False, True])
def test_nothing_is_refunded_or_released_until_shipping_has_answered(
    life: Callable[[], Life], trouble: str, confirmed: bool
):
    """It is cancelled in the end, unless it left meanwhile."""
    order = life()
    if confirmed:
        order.finish(index=0)
        order.cancel(meanwhile=False, index=0, fault="", reason="Cancelled")
        order.deliver(index=1)
    else:
        order.steps(index=0, most=4)
        order.cancel(meanwhile=False, index=0, fault="", reason="Cancelled")
    for deferrals in (1, 2):
        while order.executions[0].state != "CancelShipment":
            order.step(index=0, fault="")
        order.step(index=0, fault=trouble)
        order.finish(index=0)
        assert order.services.done >= {"ReserveStock", "TakePayment"}
        row = order.row()
        assert (row.deferrals, row.deferred_because) == (
            deferrals,
            "CancelShipment: Lambda.Unknown",
        )
        (event,) = order.republish()
        order.start(event)
    if confirmed and trouble == "before":
        order.pick()
        order.finish(index=0)
        assert order.row().state == OrderState.DISPATCHED
    else:
        order.finish(index=0)
        assert (order.row().state, order.services.done) == (OrderState.CANCELLED, set())


@pytest.mark.parametrize("trouble", ["before", "after"])
@pytest.mark.parametrize("action", [*ACTIONS, "Confirm"])
def test_order_is_deferred_not_undone_when_an_action_fails(
    life: Callable[[], Life], action: str, trouble: str
):
    order = life()
    while order.executions[0].state != action:
        order.step(index=0, fault="")
    order.step(index=0, fault=trouble)
    order.finish(index=0)
    written = (action, trouble) == ("Confirm", "after")
    assert order.row().state == (OrderState.CONFIRMED if written else OrderState.PLACED)
    assert order.row().deferred_step == (None if written else action)

    order.deliver(index=0)
    order.finish(index=0)

    assert (order.row().state, order.row().deferred_since) == (OrderState.CONFIRMED, None)


def test_cancellation_on_record_at_the_claim_stops_the_saga_before_money_moves(
    life: Callable[[], Life],
):
    order = life()
    order.step(index=0, fault="")
    order.step(index=0, fault="before")
    order.finish(index=0)
    order.cancel(meanwhile=False, index=0, fault="", reason="Cancelled")
    assert (order.row().state, order.row().check_after) == (OrderState.PLACED, order.time)

    order.deliver(index=0)
    order.step(index=0, fault="")
    order.step(index=0, fault="")
    assert order.executions[0].state == "CancelShipment"
    order.finish(index=0)

    assert order.row().state == OrderState.CANCELLED


def test_refusal_that_is_deferred_while_undoing_keeps_its_reason(life: Callable[[], Life]):
    order = life()
    order.steps(index=0, most=2)
    order.step(index=0, fault="refuse")
    while order.executions[0].state != "Reject":
        order.step(index=0, fault="")
    order.step(index=0, fault="before")
    order.finish(index=0)
    assert (order.row().state, order.row().reason) == (OrderState.PLACED, "Refused")

    order.deliver(index=0)
    order.finish(index=0)

    assert (order.row().state, order.row().reason) == (OrderState.REJECTED, "Refused")


def test_repeated_request_of_an_expired_dispatched_order_refunds_nothing(
    life: Callable[[], Life],
):
    """The row is new because the old one had expired; the services still have their rows."""
    order = life()
    order.ways = {*WAYS, (OrderState.PLACED, OrderState.DISPATCHED)}
    order.services.states = dict.fromkeys(ACTIONS, "done") | {"BookShipment": "dispatched"}
    order.step(index=0, fault="")
    order.cancel(meanwhile=False, index=0, fault="", reason="Cancelled")
    order.finish(index=0)

    assert (order.row().state, order.row().reason) == (OrderState.DISPATCHED, None)
    assert order.services.done == set(ACTIONS)


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_execution_that_takes_over_while_undoing_keeps_the_reason(
    life: Callable[[], Life], is_cancelled: bool
):
    """That of the refusal or of the cancellation, and not that a step was undone before."""
    order = life()
    order.steps(index=0, most=3)
    if is_cancelled:
        order.cancel(meanwhile=False, index=0, fault="", reason="DuplicateOrder")
    order.step(index=0, fault="" if is_cancelled else "refuse")
    while order.executions[0].state != "RefundPayment":
        order.step(index=0, fault="")
    order.step(index=0, fault="")
    order.die(index=0, lease=True)
    order.deliver(index=0)
    order.finish(index=0)

    row = order.row()
    expected = (
        (OrderState.CANCELLED, "DuplicateOrder")
        if is_cancelled
        else (OrderState.REJECTED, "Refused")
    )
    assert (row.state, row.reason) == expected
