"""The charges and the ledger in the database.

A change of state, its ledger entry and its row in the outbox are written in one transaction. So an
entry that is posted will be published, whatever happens after the commit.
"""

from lambdas.contracts.values import Money
from lambdas.payments.database import Database, Row, Run
from lambdas.payments.domain import Charge, Entry, LedgerEvent, State, event_for_entry, posting
from lambdas.payments.outbox import Outbox, make_outbox
from lambdas.payments.unresolved_charges import add, drop

_INSERT_CHARGE = """
INSERT INTO payments.charges (order_id, customer_id, amount, currency, state)
VALUES (:order_id, :customer_id, :amount, :currency, :state)
ON CONFLICT (order_id) DO NOTHING
RETURNING order_id
"""
_SELECT_CHARGE = """
SELECT order_id, customer_id, amount, currency, state, explanation
FROM payments.charges WHERE order_id = :order_id
"""
_UPDATE_CHARGE = """
UPDATE payments.charges SET state = :after, explanation = :explanation, changed_at = now()
WHERE order_id = :order_id AND state = :before
RETURNING order_id
"""
_INSERT_ENTRY = """
INSERT INTO payments.entries (order_id, kind, debit, credit, amount, currency)
VALUES (:order_id, :kind, :debit, :credit, :amount, :currency)
RETURNING occurred_at
"""


class LedgerStore:
    """Implements ``charging.Charges``. Each method is one transaction of ``Database``."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    def find_or_create(self, charge: Charge) -> Charge:
        """Record the charge if its order has none; return the order's charge."""

        def work(run: Run) -> Charge:
            if not run(
                _INSERT_CHARGE,
                order_id=charge.order_id,
                customer_id=charge.customer_id,
                amount=charge.total.amount if charge.total else None,
                currency=charge.total.currency if charge.total else None,
                state=charge.state.value,
            ):
                return self._charge_of(run, charge.order_id)
            if not charge.is_closed:
                add(run, charge.order_id)
            return charge

        return self._database.transaction(work)

    def transition(self, before: Charge, after: Charge) -> Charge:
        """Update the charge, post its entry, store the event; then try to publish it."""
        entry = posting(before, after)

        def work(run: Run) -> tuple[Charge, LedgerEvent | None]:
            if not run(
                _UPDATE_CHARGE,
                order_id=after.order_id,
                before=before.state.value,
                after=after.state.value,
                explanation=after.explanation,
            ):
                return self._charge_of(run, after.order_id), None
            if after.is_closed:
                drop(run, after.order_id)
            return after, self._post(run, entry) if entry else None

        charge, event = self._database.transaction(work)
        if event:
            self._outbox.try_publish(event)
        return charge

    def _post(self, run: Run, entry: Entry) -> LedgerEvent:
        ((posted_at,),) = (
            run(
                _INSERT_ENTRY,
                order_id=entry.order_id,
                kind=entry.kind.value,
                debit=entry.debit,
                credit=entry.credit,
                amount=entry.amount.amount,
                currency=entry.amount.currency,
            )
            or []
        )
        event = event_for_entry(entry, posted_at)
        self._outbox.add(run, entry, event)
        return event

    def _charge_of(self, run: Run, order_id: str) -> Charge:
        # Charges are never deleted, so the one that stopped the insert or update is still there.
        (row,) = run(_SELECT_CHARGE, order_id=order_id) or []
        return _charge(row)


def _charge(row: Row) -> Charge:
    order_id, customer_id, amount, currency, state, explanation = row
    return Charge(
        order_id=order_id,
        customer_id=customer_id,
        total=None if amount is None else Money(amount=amount, currency=currency),
        state=State(state),
        explanation=explanation,
    )


def make_store() -> LedgerStore:
    """Make the store, with a connection of its own. Events are published on EVENT_BUS."""
    database = Database()
    return LedgerStore(database, make_outbox(database))
