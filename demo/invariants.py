"""Whether the platform kept its promises to the orders of a run.

Each promise is a handful of queries over the evidence that must find nothing. The promises bear the
numbers of the design: 1 nothing is lost, 2 nothing happens twice, 3 stock is conserved, 4 the
ledger balances, 5 a rejected order leaves nothing behind, nor does a cancelled one, 6 views say
what inventory's own records say; of the views of the order stream, `demo/read_side.py` has them.
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
    """One promise that was not kept: to which order, SKU or account, and what is wrong."""

    invariant: int
    subject: str
    problem: str


@dataclass(frozen=True, slots=True)
class Check:
    """A query for (subject, what is wrong with it) that must find nothing."""

    invariant: int
    query: str


def _at_most_one(table: str, what: str) -> Check:
    return Check(
        2,
        f"SELECT order_id, count(*) || ' {what}' FROM {table} GROUP BY order_id"  # noqa: S608
        " HAVING count(*) > 1",
    )


CHECKS = (
    Check(
        1,
        """SELECT order_id, 'was accepted, and the orders table does not know it' FROM accepted
        WHERE order_id NOT IN (SELECT order_id FROM orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'is still ' || state || ' and stands on no queue' FROM orders
        WHERE state NOT IN ('CONFIRMED', 'DISPATCHED', 'REJECTED', 'CANCELLED')
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'is confirmed and has no reservation' FROM fulfilled
        WHERE order_id NOT IN
            (SELECT order_id FROM reservations WHERE state IN ('RESERVED', 'SHIPPED'))""",
    ),
    Check(
        1,
        """SELECT order_id, 'is confirmed and was not charged' FROM fulfilled
        WHERE order_id NOT IN
            (SELECT order_id FROM charges WHERE state = 'TAKEN')""",
    ),
    Check(
        1,
        """SELECT order_id, 'is confirmed and has no shipment' FROM fulfilled
        WHERE order_id NOT IN
            (SELECT order_id FROM shipments WHERE state IN ('BOOKED', 'DISPATCHED'))""",
    ),
    Check(
        1,
        """SELECT order_id, 'was to be cancelled, and is ' || state FROM orders
        JOIN asked_to_cancel USING (order_id) WHERE (told, state) IN (VALUES
            ('CANCELLED', 'CONFIRMED'), ('CANCELLED', 'REJECTED'), ('PLACED', 'CONFIRMED'),
            ('WITHDRAWN', 'CONFIRMED'), ('WITHDRAWN', 'REJECTED'), ('REJECTED', 'CANCELLED'),
            ('CANCELLED', 'DISPATCHED'), ('PLACED', 'DISPATCHED'))""",
    ),
    Check(
        1,
        """SELECT order_id, 'is cancelled, and nobody asked for it' FROM orders
        WHERE state = 'CANCELLED' AND order_id IN (SELECT order_id FROM accepted)
        AND order_id NOT IN (SELECT order_id FROM asked_to_cancel)
        AND coalesce(reason, '') <> 'DuplicateOrder'""",
    ),
    Check(
        1,
        """SELECT order_id, 'told ' || sequence || ' events, of which ' || found || ' were logged'
        FROM (
            SELECT o.order_id, o.sequence, (
                SELECT count(DISTINCT e.sequence) FROM events e
                WHERE e.order_id = o.order_id AND e.sequence BETWEEN 1 AND o.sequence
            ) AS found FROM orders o
        ) WHERE found < sequence AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'is ' || state || ', and no ' || told || ' was logged' FROM (
            SELECT order_id, state, CASE state WHEN 'CONFIRMED' THEN 'OrderConfirmed'
                WHEN 'DISPATCHED' THEN 'OrderDispatched' WHEN 'REJECTED' THEN 'OrderRejected'
                ELSE 'OrderCancelled' END AS told
            FROM orders WHERE state IN ('CONFIRMED', 'DISPATCHED', 'REJECTED', 'CANCELLED')
        ) AS o WHERE NOT EXISTS (
            SELECT 1 FROM events e WHERE e.order_id = o.order_id AND e.detail_type = o.told
        ) AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'was confirmed and is cancelled, and no OrderWithdrawn was logged'
        FROM orders o WHERE state = 'CANCELLED' AND (
            EXISTS (SELECT 1 FROM events e WHERE e.order_id = o.order_id
                AND detail_type = 'OrderConfirmed')
            OR EXISTS (SELECT 1 FROM asked_to_cancel a WHERE a.order_id = o.order_id
                AND told = 'WITHDRAWN')
        ) AND NOT EXISTS (
            SELECT 1 FROM events e WHERE e.order_id = o.order_id
            AND detail_type = 'OrderWithdrawn'
        ) AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    _at_most_one("orders", "rows"),
    _at_most_one("reservations", "reservations"),
    _at_most_one("charges", "charges"),
    _at_most_one("provider_charges", "charges at the card provider"),
    _at_most_one("shipments", "shipments"),
    Check(
        2,
        """SELECT order_id, count(*) || ' entries of kind ' || kind FROM entries
        GROUP BY order_id, kind HAVING count(*) > 1""",
    ),
    Check(
        2,
        """SELECT order_id, count(*) || ' reservations of ' || sku FROM reserved_lines
        GROUP BY order_id, sku HAVING count(*) > 1""",
    ),
    Check(
        2,
        """SELECT order_id, 'the card provider has it as ' || provider || ', the ledger as '
            || ledger FROM (
            SELECT p.order_id, p.state AS provider, coalesce(c.state, 'unknown') AS ledger
            FROM provider_charges p LEFT JOIN charges c USING (order_id)
            UNION
            SELECT c.order_id, coalesce(p.state, 'unknown'), c.state
            FROM charges c LEFT JOIN provider_charges p USING (order_id)
        ) WHERE (provider, ledger) NOT IN (VALUES
            ('CHARGED', 'TAKEN'), ('DECLINED', 'DECLINED'), ('DECLINED', 'REFUNDED'),
            ('REFUNDED', 'REFUNDED'), ('VOIDED', 'REFUNDED'), ('unknown', 'REFUNDED'))""",
    ),
    Check(
        2,
        """SELECT order_id, 'the card provider took ' || p.amount || ' ' || p.currency
            || ', the ledger says ' || c.amount || ' ' || c.currency
        FROM provider_charges p JOIN charges c USING (order_id)
        WHERE p.state = 'CHARGED' AND (p.amount, p.currency) <> (c.amount, c.currency)""",
    ),
    Check(
        3,
        """SELECT sku, 'available is ' || available || ', reserved is ' || reserved FROM stock
        WHERE available < 0 OR reserved < 0""",
    ),
    Check(
        3,
        """SELECT sku, arrived || ' arrived, ' || on_hand || ' are on hand' FROM (
            SELECT sku, sum(arrived) AS arrived, sum(on_hand) AS on_hand FROM (
                SELECT sku, quantity AS arrived, 0 AS on_hand FROM delivered
                UNION ALL SELECT sku, 0, available + reserved FROM stock
                UNION ALL SELECT sku, 0, quantity FROM reserved_lines JOIN reservations
                    USING (order_id) WHERE state = 'SHIPPED'
            ) GROUP BY sku
        ) WHERE arrived <> on_hand""",
    ),
    Check(
        3,
        """SELECT sku, reserved || ' are reserved, reservations hold ' || held FROM (
            SELECT sku, sum(reserved) AS reserved, sum(held) AS held FROM (
                SELECT sku, reserved, 0 AS held FROM stock
                UNION ALL
                SELECT sku, 0, quantity FROM reserved_lines JOIN reservations USING (order_id)
                WHERE state = 'RESERVED'
            ) GROUP BY sku
        ) WHERE reserved <> held""",
    ),
    Check(
        3,
        """SELECT order_id, 'ordered ' || ordered || ' of ' || sku || ', reserved ' || reserved
            || ', shipment ' || shipped FROM (
            SELECT order_id, sku, sum(ordered) AS ordered, sum(reserved) AS reserved,
                sum(shipped) AS shipped FROM (
                SELECT order_id, sku, quantity AS ordered, 0 AS reserved, 0 AS shipped
                FROM order_lines
                UNION ALL SELECT order_id, sku, 0, quantity, 0 FROM reserved_lines
                UNION ALL SELECT order_id, sku, 0, 0, quantity FROM shipped_lines
            ) JOIN fulfilled USING (order_id) GROUP BY order_id, sku
        ) WHERE ordered <> reserved OR ordered <> shipped""",
    ),
    Check(
        3,
        """SELECT order_id, 'has left, and its reservation is ' || r.state FROM shipments s
        JOIN reservations r USING (order_id)
        WHERE (s.state = 'DISPATCHED') <> (r.state = 'SHIPPED')
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        3,
        """SELECT order_id, 'has left, and the order is ' || o.state FROM shipments s
        JOIN orders o USING (order_id)
        WHERE (s.state = 'DISPATCHED') <> (o.state = 'DISPATCHED')
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        4,
        """SELECT 'ledger', 'debits less credits are ' || sum(amount) || ' ' || currency
        FROM postings GROUP BY currency HAVING sum(amount) <> 0""",
    ),
    Check(
        4,
        """SELECT order_id, 'an entry moves ' || amount || ' from ' || coalesce(credit, 'nowhere')
            || ' to ' || coalesce(debit, 'nowhere') FROM entries
        WHERE amount <= 0 OR debit IS NULL OR credit IS NULL OR debit = credit""",
    ),
    Check(
        4,
        """SELECT order_id, 'is ' || state || ' and nets to ' || net || ' on ' || account FROM (
            SELECT order_id, state, account, sum(amount) AS net
            FROM postings JOIN orders USING (order_id)
            WHERE state IN ('REJECTED', 'CANCELLED') GROUP BY order_id, account, postings.currency
        ) WHERE net <> 0""",
    ),
    Check(
        4,
        """SELECT order_id, 'costs ' || total || ' ' || currency || ', the ledger took ' || taken
        FROM (
            SELECT o.order_id, o.total, o.currency, (
                SELECT coalesce(sum(CASE kind WHEN 'CHARGE' THEN amount ELSE -amount END), 0)
                FROM entries e WHERE e.order_id = o.order_id AND e.currency = o.currency
            ) AS taken FROM fulfilled o
        ) WHERE taken <> total""",
    ),
    Check(
        4,
        """SELECT order_id, 'has entries in the ledger and is no order' FROM entries
        WHERE order_id NOT IN (SELECT order_id FROM orders) GROUP BY order_id""",
    ),
    Check(
        5,
        """SELECT order_id, 'still has its reservation' FROM undone JOIN reservations
        USING (order_id) WHERE state IN ('RESERVED', 'SHIPPED')""",
    ),
    Check(
        5,
        """SELECT order_id, 'is still charged: ' || amount || ' ' || currency FROM undone
        JOIN provider_charges USING (order_id) WHERE state = 'CHARGED'""",
    ),
    Check(
        5,
        """SELECT order_id, 'its charge stands as ' || state FROM undone
        JOIN charges USING (order_id) WHERE state IN ('PENDING', 'TAKEN')""",
    ),
    Check(
        5,
        """SELECT order_id, 'still has its shipment' FROM undone JOIN shipments USING (order_id)
        WHERE state IN ('BOOKED', 'DISPATCHED')""",
    ),
)


def view_equals(
    view: str, truth: str, who: str, what: str, *, subject: str = "sku", true: str = "is"
) -> Check:
    """Each SKU, or other subject, of which somebody has another view than the true one, or none."""
    return Check(
        6,
        f"""SELECT {subject}, group_concat(said, ', ') FROM (
            SELECT {subject}, '{true} ' || {what} AS said
            FROM (SELECT * FROM {truth} EXCEPT SELECT * FROM {view})
            UNION ALL SELECT {subject}, '{who} ' || {what}
            FROM (SELECT * FROM {view} EXCEPT SELECT * FROM {truth})
        ) GROUP BY {subject}""",  # noqa: S608
    )


QUIESCENT_CHECKS = (
    Check(
        1,
        """SELECT order_id, 'is confirmed, and has not left' FROM orders
        JOIN accepted USING (order_id) WHERE state = 'CONFIRMED'
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT sku, 'changed ' || changes || ' times, of which ' || told || ' were announced'
        FROM (
            SELECT s.sku, s.sequence - coalesce(b.sequence, 0) AS changes, (
                SELECT count(DISTINCT a.sequence) FROM announced a WHERE a.sku = s.sku
                AND a.sequence > coalesce(b.sequence, 0) AND a.sequence <= s.sequence
            ) AS told FROM stock s LEFT JOIN stock_before b USING (sku)
        ) WHERE told < changes""",
    ),
    Check(
        1,
        """SELECT sku, 'was ' || detail_type || ' as change ' || sequence || ', and nothing ordered'
        FROM announced WHERE detail_type IN ('StockBelowMinimum', 'StockSoldOut')
        AND event_id NOT IN (SELECT purchase_order_id FROM purchase_orders)""",
    ),
    Check(
        3,
        """SELECT order_id, 'ordered ' || ordered || ' of ' || sku || ', and ' || picked
            || ' were picked' FROM (
            SELECT order_id, sku, sum(ordered) AS ordered, sum(picked) AS picked FROM (
                SELECT order_id, sku, quantity AS ordered, 0 AS picked FROM order_lines
                UNION ALL SELECT order_id, sku, 0, quantity FROM picked_lines
            ) JOIN orders USING (order_id) WHERE state = 'DISPATCHED' GROUP BY order_id, sku
        ) WHERE ordered <> picked""",
    ),
    view_equals(
        *("shown", "expected_availability", "the storefront shows"),
        "available || ' ' || state || ' as of change ' || sequence",
    ),
    view_equals(
        *("warehouse_stock", "stock", "the warehouse has"),
        "available || ' + ' || reserved || ' of at least ' || minimum"
        " || ' as of change ' || sequence",
    ),
)
"""What holds as well once nothing is under way: what can leave has left, and all have heard."""


def find_violations(snapshot: Connection, checks: Sequence[Check] = CHECKS) -> Iterator[Violation]:
    """All that the evidence holds against the promises, by promise."""
    for check in checks:
        for subject, problem in snapshot.execute(check.query):
            yield Violation(invariant=check.invariant, subject=subject, problem=problem)
