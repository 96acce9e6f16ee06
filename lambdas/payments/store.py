"""The charges and their ledger in the database. The guard is in the write that has the effect."""

from functools import cache

from lambdas.contracts.values import Money
from lambdas.payments.database import Database, Row, Run
from lambdas.payments.domain import Charge, State, posting

_BEGIN = """
INSERT INTO payments.charges (order_id, customer_id, amount, currency, state)
VALUES (:order_id, :customer_id, :amount, :currency, :state)
ON CONFLICT (order_id) DO NOTHING
RETURNING order_id
"""
_FIND = """
SELECT order_id, customer_id, amount, currency, state, explanation
FROM payments.charges WHERE order_id = :order_id
"""
_MOVE = """
UPDATE payments.charges SET state = :after, explanation = :explanation, changed_at = now()
WHERE order_id = :order_id AND state = :before
RETURNING order_id
"""
_POST = """
INSERT INTO payments.entries (order_id, kind, debit, credit, amount, currency)
VALUES (:order_id, :kind, :debit, :credit, :amount, :currency)
"""


class LedgerStore:
    """Implements ``settlement.Charges``; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, charge: Charge) -> Charge:
        """See Charges; raises what ``Database.run`` raises."""
        inserted = self._database.run(
            _BEGIN,
            order_id=charge.order_id,
            customer_id=charge.customer_id,
            amount=charge.total.amount if charge.total else None,
            currency=charge.total.currency if charge.total else None,
            state=charge.state.value,
        )
        return charge if inserted else self._found(self._database.run, charge.order_id)

    def move(self, before: Charge, after: Charge) -> Charge:
        """See Charges; raises what ``Database.run`` raises."""
        entry = posting(before, after)

        def work(run: Run) -> Charge:
            if not run(
                _MOVE,
                order_id=after.order_id,
                before=before.state.value,
                after=after.state.value,
                explanation=after.explanation,
            ):
                return self._found(run, after.order_id)
            if entry:
                run(
                    _POST,
                    order_id=entry.order_id,
                    kind=entry.kind.value,
                    debit=entry.debit,
                    credit=entry.credit,
                    amount=entry.amount.amount,
                    currency=entry.amount.currency,
                )
            return after

        return self._database.transaction(work)

    def _found(self, run: Run, order_id: str) -> Charge:
        # Charges are never deleted: where an insert or an update met one, it is there.
        (row,) = run(_FIND, order_id=order_id) or []
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


@cache
def store() -> LedgerStore:
    """The service's store; made once per execution environment."""
    return LedgerStore(Database())
