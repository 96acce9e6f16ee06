"""Taking and refunding a payment, so that any step may crash and be asked for again.

Taking has three moments: the charge is recorded as pending, the provider is called with the order's
id as idempotency key, the answer is recorded together with its ledger entry. An attempt that died
in between left a pending charge: the next one asks the provider the same question under the same
key, and gets the same answer.

A refund finding nothing records a tombstone, which stops any later taking at its first moment.
Finding a charge that is pending or taken, it calls the provider *before* it records anything. The
provider's refund is final for the key: it gives the money back, and makes a charge that is still
under way fail as voided. So once our row says REFUNDED, the money is back and none can follow;
and until it says so, the same command does the whole again. Recorded first, a crash before the call
would leave a row that claims what never happened.

Whoever finds that the row moved under them (``transition`` returns another state than they asked for)
goes by the row: a taking that was overtaken posts nothing and sends its money back; a refund that
was overtaken by a taking refunds what was taken, with its reversing entry.

What is heard of the order itself leads to the same refund, to nothing, or to a note that the charge
is to stay.
"""

from typing import Protocol

from lambdas.contracts.orders import OrderStatusReported
from lambdas.contracts.payments import RefundPayment, TakePayment
from lambdas.payments.domain import (
    Charge,
    Charged,
    State,
    apply_result,
    check_total,
    mark_refunded,
    pending_charge,
    tombstone,
)
from lambdas.payments.provider import Provider
from lambdas.runtime.status_queries import RESOLVED, UNCHANGED


class Charges(Protocol):
    """The charges on record, with their ledger."""

    def find_or_create(self, charge: Charge) -> Charge:
        """Record ``charge`` unless its order has one already; return the one on record."""

    def transition(self, before: Charge, after: Charge) -> Charge:
        """Move the charge on, with its ledger entry, if it still stands as ``before``.

        Returns the charge on record: ``after``, or what somebody else made of it meanwhile.
        """


class UnresolvedCharges(Protocol):
    """The charges of which it is not known that they are to stay."""

    def resolve(self, order_id: str) -> bool:
        """Note that the order's charge, if it is taken, is to stay; tell whether that was new."""


def take(command: TakePayment, charges: Charges, provider: Provider) -> Charge:
    """Take the payment of an order, once; return the charge as it stands then."""
    charge = charges.find_or_create(pending_charge(command))
    check_total(charge, command)
    if charge.state is State.PENDING:
        result = provider.charge(command.order_id, command.customer_id, command.total)
        charge = charges.transition(charge, apply_result(charge, result))
        if charge.state is State.REFUNDED and isinstance(result, Charged):
            provider.refund(command.order_id)
    return charge


def refund(command: RefundPayment, charges: Charges, provider: Provider) -> Charge:
    """Give back what was taken for an order, and see to it that nothing is taken later."""
    charge = charges.find_or_create(tombstone(command.order_id))
    # States only move forward, so this goes round three times at the most.
    while charge.state is not State.REFUNDED:
        if charge.state is not State.DECLINED:
            provider.refund(command.order_id)
        charge = charges.transition(charge, mark_refunded(charge))
    return charge


def reconcile(
    order: OrderStatusReported,
    *,
    charges: Charges,
    provider: Provider,
    unresolved_charges: UnresolvedCharges,
) -> str:
    """Do to a charge what its order's state asks for; return what was done.

    That of an order that is over is refunded, as often as that is heard; that of one that stands is
    settled. An order under way has a saga, which may yet go either way: nothing is done.
    """
    if order.is_undone:
        return refund(RefundPayment(order_id=order.order_id), charges, provider).state.value
    if order.is_confirmed and unresolved_charges.resolve(order.order_id):
        return RESOLVED
    return UNCHANGED
