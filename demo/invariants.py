"""The platform's promises about the orders of a run, and the form of their checks.

Each promise has checks: SQL queries over the run's database that must return nothing.
`demo.invariant_checks` has those of the services' records, `demo.read_side` those of the views of
the order stream, and `demo.notifications` those of mails and invoices. What another service keeps
is checked by the module of its name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from sqlite3 import Connection

INVARIANTS = {
    1: "Nothing is lost",
    2: "Nothing happens twice",
    3: "Stock is conserved",
    4: "The ledger balances",
    5: "A rejected order leaves nothing behind",
    6: "Views converge",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A broken promise.

    ``subject`` is the order, SKU or account; ``problem`` says what is wrong.
    """

    invariant: int
    subject: str
    problem: str


@dataclass(frozen=True, slots=True)
class Check:
    """A query for violations: rows of a subject and its problem. It must return none."""

    invariant: int
    query: str


def find_violations(snapshot: Connection, checks: Sequence[Check]) -> Iterator[Violation]:
    """Run the checks, and yield the violations that they find."""
    for check in checks:
        for subject, problem in snapshot.execute(check.query):
            yield Violation(invariant=check.invariant, subject=subject, problem=problem)


def view_equals(
    view: str, truth: str, who: str, what: str, *, subject: str = "sku", true: str = "is"
) -> Check:
    """Return the check that a view has exactly the rows of ``truth``.

    Args:
        view: The table or view that is checked.
        truth: The table or view that it must equal.
        who: How a message about the view's row begins: "the storefront shows".
        what: The SQL expression that describes a row.
        subject: The column with the row's subject.
        true: How a message goes on with the row of ``truth``: "is".
    """
    return Check(
        6,
        f"""SELECT {subject}, group_concat(said, ', ') FROM (
            SELECT {subject}, '{true} ' || {what} AS said
            FROM (SELECT * FROM {truth} EXCEPT SELECT * FROM {view})
            UNION ALL SELECT {subject}, '{who} ' || {what}
            FROM (SELECT * FROM {view} EXCEPT SELECT * FROM {truth})
        ) GROUP BY {subject}""",  # noqa: S608
    )
