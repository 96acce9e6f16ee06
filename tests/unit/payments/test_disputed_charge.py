"""A disputed charge: nothing is refunded before the card company has decided."""

from unittest.mock import Mock

import pytest

from lambdas.contracts.orders import OrderStatusReported
from lambdas.payments.charging import reconcile, refund, take
from lambdas.payments.domain import Kind, State
from lambdas.payments.provider import ChargeDisputedError
from tests.support.payments import CardProvider, MemoryCharges, refund_command, take_command


def test_refund_waits_for_the_decision_and_is_posted_once():
    charges, provider = MemoryCharges(), CardProvider()
    take(take_command("o-1"), charges, provider)
    provider.disputed.add("o-1")

    with pytest.raises(ChargeDisputedError):
        refund(refund_command("o-1"), charges, provider)
    assert charges.rows["o-1"].state is State.TAKEN
    assert [entry.kind for entry in charges.ledger] == [Kind.CHARGE]

    provider.disputed.clear()
    for _ in range(2):
        assert refund(refund_command("o-1"), charges, provider).state is State.REFUNDED
    assert [entry.kind for entry in charges.ledger] == [Kind.CHARGE, Kind.REFUND]


def test_report_about_an_undone_order_changes_a_disputed_charge_later():
    charges, provider = MemoryCharges(), CardProvider()
    take(take_command("o-1"), charges, provider)
    provider.disputed.add("o-1")
    undone = OrderStatusReported(order_id="o-1", state="CANCELLED")

    def outcome() -> str:
        unresolved = Mock(resolve=Mock(side_effect=AssertionError("it would not be found again")))
        return reconcile(undone, charges=charges, provider=provider, unresolved_charges=unresolved)

    assert outcome() == "DISPUTED"
    provider.disputed.clear()
    assert outcome() == "REFUNDED"
