"""The checks of the services' records, by promise. `INVARIANTS` has the numbers."""

from demo import event_checks
from demo.invariants import Check, view_equals

_OF_ORDERS = ("reservations", "charges", "provider_charges", "shipments", "picked_lines")


def _of_known_orders(table: str) -> Check:
    """Return the check that each row of a table belongs to a known order."""
    return Check(
        1,
        f"SELECT order_id, 'is in {table}, and is no order' FROM {table}"  # noqa: S608
        " WHERE order_id NOT IN (SELECT order_id FROM orders) GROUP BY order_id",
    )


def _at_most_one(table: str, what: str) -> Check:
    """Return the check that no order has more than one row in a table."""
    return Check(
        2,
        f"SELECT order_id, count(*) || ' {what}' FROM {table} GROUP BY order_id"  # noqa: S608
        " HAVING count(*) > 1",
    )


CHECKS = (
    Check(
        1,
        """SELECT order_id, 'was accepted, and is not in the orders table' FROM accepted
        WHERE order_id NOT IN (SELECT order_id FROM orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'is still ' || state || ' and no dead letter mentions it' FROM orders
        WHERE state NOT IN ('CONFIRMED', 'DISPATCHED', 'REJECTED', 'CANCELLED')
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'is confirmed and has no reservation' FROM fulfilled
        WHERE order_id NOT IN (SELECT order_id FROM reservations
            WHERE state IN ('RESERVED', 'SHIPPING', 'SHIPPED'))""",
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
        JOIN cancel_requests USING (order_id) WHERE (answered_state, state) IN (VALUES
            ('CANCELLED', 'CONFIRMED'), ('CANCELLED', 'REJECTED'), ('PLACED', 'CONFIRMED'),
            ('WITHDRAWN', 'CONFIRMED'), ('WITHDRAWN', 'REJECTED'), ('REJECTED', 'CANCELLED'),
            ('CANCELLED', 'DISPATCHED'), ('PLACED', 'DISPATCHED'))""",
    ),
    Check(
        1,
        """SELECT order_id, 'is cancelled, and no request was made' FROM orders
        WHERE state = 'CANCELLED' AND order_id IN (SELECT order_id FROM accepted)
        AND order_id NOT IN (SELECT order_id FROM cancel_requests)
        AND coalesce(reason, '') <> 'DuplicateOrder'""",
    ),
    Check(
        1,
        """SELECT order_id, 'published ' || sequence || ' events, ' || found
            || ' were logged' FROM (
            SELECT o.order_id, o.sequence, (
                SELECT count(DISTINCT e.sequence) FROM events e
                WHERE e.order_id = o.order_id AND e.sequence BETWEEN 1 AND o.sequence
            ) AS found FROM orders o
        ) WHERE found < sequence AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'is ' || state || ', and no ' || expected || ' was logged' FROM (
            SELECT order_id, state, CASE state WHEN 'CONFIRMED' THEN 'OrderConfirmed'
                WHEN 'DISPATCHED' THEN 'OrderDispatched' WHEN 'REJECTED' THEN 'OrderRejected'
                ELSE 'OrderCancelled' END AS expected
            FROM orders WHERE state IN ('CONFIRMED', 'DISPATCHED', 'REJECTED', 'CANCELLED')
        ) AS o WHERE NOT EXISTS (
            SELECT 1 FROM events e WHERE e.order_id = o.order_id AND e.detail_type = o.expected
        ) AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        1,
        """SELECT order_id, 'was confirmed and is cancelled, and no OrderWithdrawn was logged'
        FROM orders o WHERE state = 'CANCELLED' AND (
            EXISTS (SELECT 1 FROM events e WHERE e.order_id = o.order_id
                AND detail_type = 'OrderConfirmed')
            OR EXISTS (SELECT 1 FROM cancel_requests a WHERE a.order_id = o.order_id
                AND answered_state = 'WITHDRAWN')
        ) AND NOT EXISTS (
            SELECT 1 FROM events e WHERE e.order_id = o.order_id
            AND detail_type = 'OrderWithdrawn'
        ) AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    *event_checks.CHECKS,
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
                SELECT sku, quantity AS arrived, 0 AS on_hand FROM deliveries
                UNION ALL SELECT sku, 0, available + reserved FROM stock
                UNION ALL SELECT sku, 0, quantity FROM reserved_lines JOIN reservations
                    USING (order_id) WHERE state = 'SHIPPED'
            ) GROUP BY sku
        ) WHERE arrived <> on_hand""",
    ),
    Check(
        3,
        """SELECT sku, reserved || ' are reserved, reservations sum to ' || summed FROM (
            SELECT sku, sum(reserved) AS reserved, sum(summed) AS summed FROM (
                SELECT sku, reserved, 0 AS summed FROM stock
                UNION ALL
                SELECT sku, 0, quantity FROM reserved_lines JOIN reservations USING (order_id)
                WHERE state IN ('RESERVED', 'RELEASING', 'SHIPPING')
            ) GROUP BY sku
        ) WHERE reserved <> summed""",
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
        """SELECT order_id, 'the shipment is ' || s.state || ', its reservation is ' || r.state
        FROM shipments s JOIN reservations r USING (order_id)
        WHERE (s.state = 'DISPATCHED') <> (r.state = 'SHIPPED')
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        3,
        """SELECT order_id, 'the shipment is ' || s.state || ', the order is ' || o.state
        FROM shipments s JOIN orders o USING (order_id)
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
        USING (order_id) WHERE state IN ('WAITING', 'RESERVED', 'SHIPPING', 'SHIPPED')""",
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
"""What holds at any time, for orders whose saga has ended."""

QUIESCENT_CHECKS = (
    *map(_of_known_orders, _OF_ORDERS),
    Check(
        2,
        """SELECT DISTINCT order_id, 'was picked, is ' || state || ', and was never confirmed'
        FROM picked_lines JOIN orders USING (order_id) WHERE state IN ('REJECTED', 'CANCELLED')
        AND order_id NOT IN (SELECT order_id FROM events WHERE detail_type = 'OrderConfirmed')""",
    ),
    *event_checks.STOCK_CHECKS,
    Check(
        1,
        """SELECT order_id, 'is confirmed, and was not dispatched' FROM orders
        JOIN accepted USING (order_id) WHERE state = 'CONFIRMED'
        AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
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
        *("availability", "expected_availability", "the storefront shows"),
        "available || ' ' || state || ' as of change ' || sequence",
    ),
    view_equals(
        *("warehouse_stock", "stock", "the warehouse has"),
        "available || ' + ' || reserved || ' of at least ' || minimum"
        " || ' as of change ' || sequence",
    ),
)
"""What holds as well once all work is done: orders are dispatched, and views are current."""
