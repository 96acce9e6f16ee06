"""Each way of breaking a promise: the change, and the promise, subject and problem it breaks."""

from tests.support.clean_records import ENDS

BREAKS = [
    ("DELETE FROM orders WHERE order_id = 's'", 1, "s", "is not in the orders table"),
    ("UPDATE orders SET state = 'PLACED' WHERE order_id = 's'", 1, "s", "still PLACED"),
    ("UPDATE reservations SET state = 'RELEASED' WHERE order_id = 'c'", 1, "c", "no reservation"),
    ("DELETE FROM charges WHERE order_id = 'c'", 1, "c", "not charged"),
    ("UPDATE shipments SET state = 'CANCELLED' WHERE order_id = 'c'", 1, "c", "no shipment"),
    ("DELETE FROM shipments WHERE order_id = 'c'", 1, "c", "no shipment"),
    ("UPDATE reservations SET state = 'RELEASED' WHERE order_id = 'g'", 1, "g", "no reservation"),
    ("UPDATE reservations SET state = 'RESERVED' WHERE order_id = 'g'", 3, "g", "is RESERVED"),
    ("UPDATE reservations SET state = 'SHIPPED' WHERE order_id = 'c'", 3, "c", "is SHIPPED"),
    ("UPDATE shipments SET state = 'DISPATCHED' WHERE order_id = 'c'", 3, "c", "is CONFIRMED"),
    ("UPDATE shipments SET state = 'BOOKED' WHERE order_id = 'g'", 3, "g", "is DISPATCHED"),
    ("UPDATE shipments SET state = 'DISPATCHED' WHERE order_id = 'w'", 5, "w", "has its shipment"),
    ("DELETE FROM events WHERE detail_type = 'OrderDispatched'", 1, "g", "no OrderDispatched"),
    ("DELETE FROM events WHERE order_id = 'c' AND sequence = 2", 1, "c", "1 were logged"),
    ("UPDATE events SET sequence = 9 WHERE sequence = 2", 1, "c", "1 were logged"),
    ("UPDATE events SET sequence = 1 WHERE sequence = 2", 1, "c", "1 were logged"),
    ("UPDATE orders SET state = 'WITHDRAWN' WHERE order_id = 'w'", 1, "w", "still WITHDRAWN"),
    ("UPDATE orders SET state = 'CANCELLED' WHERE order_id = 'd'", 1, "d", "no request was made"),
    ("UPDATE orders SET state = 'CONFIRMED' WHERE order_id = 'm'", 1, "m", "and is CONFIRMED"),
    ("UPDATE orders SET state = 'REJECTED' WHERE order_id = 'b'", 1, "b", "and is REJECTED"),
    ("UPDATE orders SET state = 'REJECTED' WHERE order_id = 'w'", 1, "w", "and is REJECTED"),
    (
        "UPDATE cancel_requests SET answered_state = 'WITHDRAWN' WHERE order_id = 'l'",
        1,
        "l",
        "is REJECTED",
    ),
    *(
        (
            f"UPDATE events SET detail_type = 'OrderX' WHERE order_id = '{one}' AND sequence = 2",
            1,
            one,
            f"is {ENDS[one]}, and no Order{ENDS[one].capitalize()} was logged",
        )
        for one in "clbm"
    ),
    (
        "UPDATE events SET detail_type = 'OrderX' WHERE log_id = 'w/3'",
        1,
        "w",
        "no OrderWithdrawn was logged",
    ),
    (
        "UPDATE events SET detail_type = 'OrderConfirmed' WHERE log_id = 'm/1'",
        1,
        "m",
        "no OrderWithdrawn was logged",
    ),
    (
        "UPDATE cancel_requests SET answered_state = 'WITHDRAWN' WHERE order_id = 'm'",
        1,
        "m",
        "no OrderWithdrawn was logged",
    ),
    (
        "DELETE FROM events WHERE log_id = 'w/3'",
        1,
        "w",
        "published 4 events, 3 were logged",
    ),
    (
        "INSERT INTO events VALUES ('two', 'c', 2, 'OrderRejected', '')",
        2,
        "c",
        "event 2 was published as OrderConfirmed, OrderRejected",
    ),
    (
        "INSERT INTO events VALUES ('two', 'c', 3, 'OrderRejected', '')",
        2,
        "c",
        "was confirmed and rejected",
    ),
    (
        "INSERT INTO events VALUES ('two', 'g', 4, 'OrderCancelled', '')",
        2,
        "g",
        "ended more than once: OrderDispatched, OrderCancelled",
    ),
    (
        "INSERT INTO events VALUES ('two', 's', 3, 'OrderRejected', '')",
        2,
        "s",
        "ended more than once: OrderRejected, OrderRejected",
    ),
    (
        "INSERT INTO events VALUES ('two', 'c', 3, 'OrderConfirmed', '')",
        2,
        "c",
        "was confirmed 2 times",
    ),
    ("INSERT INTO orders SELECT * FROM orders WHERE order_id = 'c'", 2, "c", "2 rows"),
    ("INSERT INTO reservations VALUES ('c', 'RELEASED')", 2, "c", "2 reservations"),
    ("INSERT INTO reserved_lines VALUES ('c', 'A1', 2)", 2, "c", "2 reservations of A1"),
    ("INSERT INTO charges VALUES ('c', 'TAKEN', 1000, 'GBP')", 2, "c", "2 charges"),
    (
        "INSERT INTO provider_charges VALUES ('c', 'CHARGED', 1000, 'GBP')",
        2,
        "c",
        "2 charges at the card provider",
    ),
    ("INSERT INTO shipments VALUES ('c', 'BOOKED')", 2, "c", "2 shipments"),
    (
        "INSERT INTO entries VALUES ('c', 'CHARGE', 'card-provider', 'customer/ada', 1000, 'GBP')",
        2,
        "c",
        "2 entries of kind CHARGE",
    ),
    ("UPDATE provider_charges SET amount = 2000 WHERE order_id = 'c'", 2, "c", "took 2000 GBP"),
    ("UPDATE provider_charges SET currency = 'EUR' WHERE order_id = 'c'", 2, "c", "1000 EUR"),
    ("DELETE FROM provider_charges WHERE order_id = 'c'", 2, "c", "has it as unknown"),
    ("DELETE FROM charges WHERE order_id = 'p'", 2, "p", "the ledger as unknown"),
    (
        "UPDATE provider_charges SET state = 'CHARGED' WHERE order_id = 'p'",
        2,
        "p",
        "has it as CHARGED, the ledger as DECLINED",
    ),
    ("UPDATE stock SET available = 11, reserved = -1 WHERE sku = 'A1'", 3, "A1", "reserved is -1"),
    ("UPDATE stock SET available = available - 1 WHERE sku = 'A1'", 3, "A1", "9 are on hand"),
    ("DELETE FROM stock WHERE sku = 'B2'", 3, "B2", "5 arrived, 0 are on hand"),
    ("INSERT INTO stock VALUES ('Z9', 1, 0, 5, 1)", 3, "Z9", "0 arrived, 1 are on hand"),
    (
        "UPDATE stock SET available = 7, reserved = 3 WHERE sku = 'A1'",
        3,
        "A1",
        "3 are reserved, reservations sum to 2",
    ),
    (
        "UPDATE shipped_lines SET quantity = 9 WHERE order_id = 'c' AND sku = 'A1'",
        3,
        "c",
        "ordered 2 of A1, reserved 2, shipment 9",
    ),
    ("DELETE FROM reserved_lines WHERE sku = 'B2'", 3, "c", "ordered 1 of B2, reserved 0"),
    ("UPDATE entries SET debit = NULL WHERE order_id = 'c'", 4, "ledger", "are -1000 GBP"),
    ("UPDATE entries SET debit = NULL WHERE order_id = 'c'", 4, "c", "to nowhere"),
    ("UPDATE entries SET amount = -1000 WHERE order_id = 'c'", 4, "c", "moves -1000"),
    ("UPDATE entries SET debit = credit WHERE order_id = 'c'", 4, "c", "moves 1000"),
    ("DELETE FROM entries WHERE kind = 'REFUND'", 4, "a", "nets to 1000 on card-provider"),
    ("DELETE FROM entries WHERE kind = 'REFUND'", 4, "m", "is CANCELLED and nets to 1000"),
    ("DELETE FROM entries WHERE kind = 'REFUND'", 4, "w", "is CANCELLED and nets to 1000"),
    (
        "UPDATE entries SET debit = 'customer/bob' WHERE kind = 'REFUND'",
        4,
        "a",
        "nets to 1000 on customer/bob",
    ),
    ("UPDATE entries SET amount = 999 WHERE order_id = 'c'", 4, "c", "the ledger took 999"),
    ("DELETE FROM entries WHERE order_id = 'c'", 4, "c", "the ledger took 0"),
    ("UPDATE entries SET currency = 'EUR' WHERE order_id = 'c'", 4, "c", "the ledger took 0"),
    ("UPDATE entries SET order_id = 'x' WHERE order_id = 'c'", 4, "x", "is no order"),
    ("UPDATE reservations SET state = 'RESERVED' WHERE order_id = 'p'", 5, "p", "reservation"),
    (
        "UPDATE provider_charges SET state = 'CHARGED' WHERE order_id = 'a'",
        5,
        "a",
        "still charged: 1000 GBP",
    ),
    *(
        (f"UPDATE {table} SET state = '{state}' WHERE order_id = '{one}'", 5, one, problem)
        for one in "mw"
        for table, state, problem in (
            ("reservations", "RESERVED", "still has its reservation"),
            ("provider_charges", "CHARGED", "is still charged: 1000 GBP"),
            ("charges", "TAKEN", "stands as TAKEN"),
            ("shipments", "BOOKED", "still has its shipment"),
        )
    ),
    ("INSERT INTO reservations VALUES ('b', 'RESERVED')", 5, "b", "its reservation"),
    *(
        (
            f"UPDATE reservations SET state = '{state}' WHERE order_id = 'a'",
            *(5, "a", "still has its reservation"),
        )
        for state in ("WAITING", "SHIPPING", "SHIPPED")
    ),
    ("UPDATE charges SET state = 'PENDING' WHERE order_id = 'v'", 5, "v", "stands as PENDING"),
    ("UPDATE shipments SET state = 'BOOKED' WHERE order_id = 'v'", 5, "v", "its shipment"),
]

LATE_BREAKS = [
    *(
        (
            f"UPDATE stock_events SET sequence = {counted} WHERE sku = 'A1' AND sequence = 13",
            1,
            "A1",
            "changed 3 times, 2 were published",
        )
        # One from before listening began, and one that is later than the stock that was read.
        for counted in (12, 16)
    ),
    (
        "INSERT INTO accepted VALUES ('c', 'invoice-c')",
        1,
        "c",
        "is confirmed, and was not dispatched",
    ),
    (
        "DELETE FROM stock_events WHERE event_id = 'B2/1'",
        1,
        "B2",
        "2 times, 1 were published",
    ),
    (
        "DELETE FROM stock_events WHERE event_id = 'B2/2'",
        1,
        "B2",
        "2 times, 1 were published",
    ),
    ("DELETE FROM stock_events WHERE sku = 'B2'", 1, "B2", "2 times, 0 were published"),
    ("DELETE FROM stock_events WHERE event_id = 'A1/14'", 1, "A1", "3 times, 2 were"),
    ("UPDATE stock_events SET sequence = 2 WHERE sku = 'B2'", 1, "B2", "1 were published"),
    *(
        (f"INSERT INTO {table} (order_id) VALUES ('x')", 1, "x", f"in {table}, and is no order")
        for table in ("reservations", "charges", "provider_charges", "shipments", "picked_lines")
    ),
    *(
        (
            f"INSERT INTO picked_lines VALUES ('{one}', 'A1', 2)",
            *(2, one, f"was picked, is {ENDS[one]}, and was never confirmed"),
        )
        for one in "bms"
    ),
    (
        "INSERT INTO stock_events VALUES (NULL, 'B2/2b', 'B2', 2, 'StockReplenished')",
        2,
        "B2",
        "change 2 was published as StockChanged, StockReplenished",
    ),
    *(
        (
            f"UPDATE stock_events SET detail_type = '{before}' WHERE event_id = 'A1/14'",
            *(2, "A1", "crossed its minimum with change 14 and again with change 15"),
        )
        for before in ("StockBelowMinimum", "StockSoldOut")
    ),
    (
        "UPDATE stock_events SET detail_type = 'StockSoldOut' WHERE sku = 'B2'",
        2,
        "B2",
        "sold out with change 1 and again with the next",
    ),
    ("DELETE FROM picked_lines", 3, "g", "ordered 2 of A1, and 0 were picked"),
    ("UPDATE picked_lines SET quantity = 3", 3, "g", "ordered 2 of A1, and 3 were picked"),
    ("UPDATE picked_lines SET sku = 'B2'", 3, "g", "ordered 0 of B2, and 2 were picked"),
    (
        "UPDATE availability SET available = 7 WHERE sku = 'A1'",
        6,
        "A1",
        "is 6 LOW as of change 15, the storefront shows 7 LOW as of change 15",
    ),
    ("UPDATE availability SET state = 'IN_STOCK' WHERE sku = 'A1'", 6, "A1", "shows 6 IN_STOCK"),
    ("UPDATE stock SET available = 3 WHERE sku = 'B2'", 6, "B2", "is 3 IN_STOCK"),
    ("UPDATE stock SET available = 2 WHERE sku = 'B2'", 6, "B2", "is 2 LOW"),
    ("UPDATE stock SET available = 0 WHERE sku = 'B2'", 6, "B2", "is 0 SOLD_OUT"),
    (
        "UPDATE availability SET sequence = 14 WHERE sku = 'A1'",
        6,
        "A1",
        "shows 6 LOW as of change 14",
    ),
    ("DELETE FROM availability WHERE sku = 'B2'", 6, "B2", "is 4 IN_STOCK as of change 2"),
    ("INSERT INTO availability VALUES ('Z9', 'LOW', 1, 1)", 6, "Z9", "the storefront shows 1 LOW"),
    (
        "UPDATE warehouse_stock SET reserved = 1 WHERE sku = 'A1'",
        6,
        "A1",
        "is 6 + 2 of at least 9 as of change 15, the warehouse has 6 + 1",
    ),
    ("UPDATE warehouse_stock SET minimum = 1 WHERE sku = 'A1'", 6, "A1", "has 6 + 2 of at least 1"),
    (
        "DELETE FROM warehouse_stock WHERE sku = 'B2'",
        6,
        "B2",
        "is 4 + 1 of at least 3 as of change 2",
    ),
]
