"""Takes and refunds the payment of an order. Any step may crash and be retried.

Taking has three steps: the charge is recorded as PENDING; the provider is called with the order's
id as idempotency key; the result is recorded together with its ledger entry. An attempt that died
in between leaves a pending charge. The next attempt sends the provider the same request under the
same key, and gets the same result.

A refund that finds no charge records a tombstone, which stops a later taking at its first step. A
refund that finds a pending or taken charge calls the provider *before* it records anything. The
provider's refund is final for the key: it returns the money, and makes a charge in progress fail as
voided. So once the row is REFUNDED, the money is back and no more can be taken. Until then,
repeating the command repeats all steps. If the row were written first, a crash before the call
would leave a row that claims a refund that never happened.

Another command may change the row in the meantime; ``transition`` then returns the recorded charge,
which decides what follows. If a refund came before a taking was recorded, the taking posts no entry
and refunds its money. If a taking came before a refund was recorded, the refund refunds that
payment too, with a reversing entry.

While a charge is disputed, the provider refunds nothing, and the command fails: the customer would
have the money twice if the dispute is lost. After a lost dispute the provider's answer is that of a
refund, and the same entry is posted: the money is back.

A reported order status leads to the same refund, to a note that the charge is kept, or to nothing.
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
from lambdas.payments.provider import ChargeDisputedError, Provider
from lambdas.runtime.status_queries import RESOLVED, UNCHANGED

DISPUTED = "DISPUTED"
"""The outcome of a report about an undone order whose charge is disputed."""


class Charges(Protocol):
    """The port to the recorded charges and their ledger."""

    def find_or_create(self, charge: Charge) -> Charge:
        """Record ``charge`` unless its order has a charge already; return the recorded one."""

    def transition(self, before: Charge, after: Charge) -> Charge:
        """Replace ``before`` by ``after`` and post the ledger entry, if ``before`` is recorded.

        Return the charge that is recorded then: ``after``, or the result of another command.
        """


class UnresolvedCharges(Protocol):
    """The port to the charges for which it is not known whether they are kept."""

    def resolve(self, order_id: str) -> bool:
        """Record that the order's charge, if taken, is kept; return whether that is new."""


def take(command: TakePayment, charges: Charges, provider: Provider) -> Charge:
    """Take the payment of an order, once; return the recorded charge: TAKEN, DECLINED or REFUNDED.

    Raises:
        TotalMismatchError: the command was repeated with another total.
        ProviderError: it is unknown whether the provider acted; try again.
    """
    charge = charges.find_or_create(pending_charge(command))
    check_total(charge, command)
    if charge.state is State.PENDING:
        result = provider.charge(command.order_id, command.customer_id, command.total)
        charge = charges.transition(charge, apply_result(charge, result))
        if charge.state is State.REFUNDED and isinstance(result, Charged):
            provider.refund(command.order_id)
    return charge


def refund(command: RefundPayment, charges: Charges, provider: Provider) -> Charge:
    """Refund the payment of an order, and prevent a later one; return the recorded charge.

    Raises:
        ProviderError: it is unknown whether the provider acted; try again.
        ChargeDisputedError: the card company has not decided a dispute; try again when it has.
    """
    charge = charges.find_or_create(tombstone(command.order_id))
    # A charge only moves forward through its states, so this loops at most three times.
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
    """Keep or refund a charge according to the status of its order; return what was done.

    The charge of an undone order is refunded, at every report; one that is disputed waits for the
    next. That of a confirmed order is kept. If the order's saga is still running, nothing is done.
    """
    if order.is_undone:
        try:
            return refund(RefundPayment(order_id=order.order_id), charges, provider).state.value
        except ChargeDisputedError:
            return DISPUTED
    if order.is_confirmed and unresolved_charges.resolve(order.order_id):
        return RESOLVED
    return UNCHANGED
