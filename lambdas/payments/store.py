"""The charges and their ledger in the database. The guard is in the write that has the effect.

So is the outbox: what is posted will be told, whatever happens after the commit.
"""

from functools import cache

from lambdas.contracts.values import Money
from lambdas.payments.database import Database, Row, Run
from lambdas.payments.domain import Announcement, Charge, Entry, State, announcement, posting
from lambdas.payments.outbox import Outbox, outbox_of
from lambdas.payments.unsettled import add, drop

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
RETURNING occurred_at
"""


class LedgerStore:
    """Implements ``settlement.Charges``; each method is one transaction."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    def begin(self, charge: Charge) -> Charge:
        """See Charges; raises what ``Database.run`` raises."""

        def work(run: Run) -> Charge:
            if not run(
                _BEGIN,
                order_id=charge.order_id,
                customer_id=charge.customer_id,
                amount=charge.total.amount if charge.total else None,
                currency=charge.total.currency if charge.total else None,
                state=charge.state.value,
            ):
                return self._found(run, charge.order_id)
            if not charge.ended:
                add(run, charge.order_id)
            return charge

        return self._database.transaction(work)

    def move(self, before: Charge, after: Charge) -> Charge:
        """See Charges; raises what ``Database.run`` raises. What is posted is told, if possible."""
        entry = posting(before, after)

        def work(run: Run) -> tuple[Charge, Announcement | None]:
            if not run(
                _MOVE,
                order_id=after.order_id,
                before=before.state.value,
                after=after.state.value,
                explanation=after.explanation,
            ):
                return self._found(run, after.order_id), None
            if after.ended:
                drop(run, after.order_id)
            return after, self._post(run, entry) if entry else None

        charge, fact = self._database.transaction(work)
        if fact:
            self._outbox.publish_if_possible(fact)
        return charge

    def _post(self, run: Run, entry: Entry) -> Announcement:
        ((posted_at,),) = (
            run(
                _POST,
                order_id=entry.order_id,
                kind=entry.kind.value,
                debit=entry.debit,
                credit=entry.credit,
                amount=entry.amount.amount,
                currency=entry.amount.currency,
            )
            or []
        )
        fact = announcement(entry, posted_at)
        self._outbox.add(run, entry, fact)
        return fact

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
    database = Database()
    return LedgerStore(database, outbox_of(database))
