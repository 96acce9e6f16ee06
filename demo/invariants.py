"""The platform's promises to the orders of a run, and how a check of them is written.

Each promise has its checks: SQL queries over the run's database that must return nothing. Those of
the services' records are in `demo.invariant_checks`, those of the views of the order stream in
`demo.read_side`, those of mails and invoices in `demo.notifications`.
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
    """A broken promise: about which order, SKU or account, and what is wrong with it."""

    invariant: int
    subject: str
    problem: str


@dataclass(frozen=True, slots=True)
class Check:
    """A query for rows (subject, what is wrong with it) that must return none."""

    invariant: int
    query: str


def find_violations(snapshot: Connection, checks: Sequence[Check]) -> Iterator[Violation]:
    """Run the checks, and yield what they find."""
    for check in checks:
        for subject, problem in snapshot.execute(check.query):
            yield Violation(invariant=check.invariant, subject=subject, problem=problem)


def view_equals(
    view: str, truth: str, who: str, what: str, *, subject: str = "sku", true: str = "is"
) -> Check:
    """Return the check that a view has the rows of the truth, and no others.

    Args:
        view: The table or view that is checked.
        truth: What it must equal.
        who: What the view's rows are called in the message: "the storefront shows".
        what: The SQL expression that describes a row.
        subject: The column that names what a row is about.
        true: What the truth's rows are called in the message.
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
