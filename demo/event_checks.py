"""The checks of published events: each is published in one way, and an order ends once."""

from demo.invariants import Check

_ENDINGS = "VALUES ('OrderRejected'), ('OrderCancelled'), ('OrderDispatched')"

CHECKS = (
    Check(
        2,
        """SELECT order_id, 'event ' || sequence || ' was published as '
            || group_concat(detail_type, ', ')
        FROM (SELECT DISTINCT order_id, sequence, detail_type FROM events
            WHERE order_id IS NOT NULL ORDER BY detail_type)
        GROUP BY order_id, sequence HAVING count(*) > 1""",
    ),
    Check(
        2,
        f"""SELECT order_id, 'ended more than once: ' || group_concat(detail_type, ', ')
        FROM (SELECT DISTINCT order_id, sequence, detail_type FROM events
            WHERE detail_type IN ({_ENDINGS}) ORDER BY sequence)
        GROUP BY order_id HAVING count(*) > 1""",  # noqa: S608
    ),
    Check(
        2,
        """SELECT order_id, 'was confirmed ' || count(*) || ' times' FROM (
            SELECT DISTINCT order_id, sequence FROM events WHERE detail_type = 'OrderConfirmed')
        GROUP BY order_id HAVING count(*) > 1""",
    ),
    Check(
        2,
        """SELECT DISTINCT order_id, 'was confirmed and rejected' FROM events
        WHERE detail_type = 'OrderRejected' AND order_id IN
            (SELECT order_id FROM events WHERE detail_type = 'OrderConfirmed')""",
    ),
)
"""What holds at any time of the orders' events."""

STOCK_CHECKS = (
    Check(
        2,
        """SELECT sku, 'change ' || sequence || ' was published as '
            || group_concat(detail_type, ', ')
        FROM (SELECT DISTINCT sku, sequence, detail_type FROM stock_events ORDER BY detail_type)
        GROUP BY sku, sequence HAVING count(*) > 1""",
    ),
    Check(
        2,
        """SELECT sku, 'crossed its minimum with change ' || before || ' and again with change '
            || sequence FROM (
            SELECT sku, sequence, detail_type, lag(sequence) OVER changes AS before,
                lag(detail_type) OVER changes AS type_before FROM (
                SELECT DISTINCT sku, sequence, detail_type FROM stock_events WHERE detail_type IN
                    ('StockBelowMinimum', 'StockSoldOut', 'StockReplenished')
            ) WINDOW changes AS (PARTITION BY sku ORDER BY sequence)
        ) WHERE detail_type = 'StockBelowMinimum'
        AND type_before IN ('StockBelowMinimum', 'StockSoldOut')""",
    ),
    Check(
        2,
        """SELECT sku, 'sold out with change ' || (sequence - 1) || ' and again with the next'
        FROM (SELECT DISTINCT a.sku, a.sequence FROM stock_events a JOIN stock_events b
            ON b.sku = a.sku AND b.sequence = a.sequence - 1
            WHERE (a.detail_type, b.detail_type) = ('StockSoldOut', 'StockSoldOut'))""",
    ),
    Check(
        1,
        """SELECT sku, 'changed ' || changes || ' times, ' || published
            || ' were published' FROM (
            SELECT s.sku, s.sequence - coalesce(b.sequence, 0) AS changes, (
                SELECT count(DISTINCT a.sequence) FROM stock_events a WHERE a.sku = s.sku
                AND a.sequence > coalesce(b.sequence, 0) AND a.sequence <= s.sequence
            ) AS published FROM stock s LEFT JOIN initial_stock b USING (sku)
        ) WHERE published < changes""",
    ),
)
"""What holds of inventory's events once all work is done: a crossing is published once."""
