"""Records of a run in which every promise was kept."""

from typing import Any

# order c is confirmed, and g has gone; s, p, a were rejected by stock, provider and address; v was
# rejected when its payment was refunded before the charge came; d was declined and then refunded as
# well. b was cancelled before its saga, m amid it, w once it was confirmed; l was, but too late.
ENDS = {
    "c": "CONFIRMED",
    "g": "DISPATCHED",
    **dict.fromkeys("spavdl", "REJECTED"),
    **dict.fromkeys("bmw", "CANCELLED"),
}
CLEAN: dict[str, list[tuple[Any, ...]]] = {
    "accepted": [(one, f"invoice-{one}") for one in ENDS],
    "cancel_requests": [
        *(("b", "CANCELLED"), ("m", "PLACED"), ("w", "WITHDRAWN")),
        *(("l", "PLACED"), ("s", "REJECTED"), ("p", None)),
    ],
    "orders": [
        (one, "ada", end, {"w": 4, "g": 3}.get(one, 2), 1000, "GBP", None, None)
        for one, end in ENDS.items()
    ],
    "order_lines": [(one, "A1", 2) for one in ENDS] + [("c", "B2", 1)],
    "stock": [("A1", 6, 2, 9, 15), ("B2", 4, 1, 3, 2), ("C3", 0, 0, 5, 0)],
    "deliveries": [("d-1", "A1", 6), ("d-2", "A1", 4), ("d-1", "B2", 5)],
    "reservations": [
        ("c", "RESERVED"),
        ("g", "SHIPPED"),
        ("s", "REFUSED"),
        *((one, "RELEASED") for one in "pavdlmw"),
    ],
    "reserved_lines": [(one, "A1", 2) for one in ENDS if one != "b"] + [("c", "B2", 1)],
    "shipments": [
        *(("c", "BOOKED"), ("g", "DISPATCHED"), ("a", "REFUSED"), ("v", "CANCELLED")),
        *(("m", "CANCELLED"), ("w", "CANCELLED")),
    ],
    "shipped_lines": [*((one, "A1", 2) for one in "cgaw"), ("c", "B2", 1)],
    "charges": [
        *((one, "TAKEN", 1000, "GBP") for one in "cg"),
        ("p", "DECLINED", 1000, "GBP"),
        ("a", "REFUNDED", 1000, "GBP"),
        ("v", "REFUNDED", 1000, "GBP"),
        ("d", "REFUNDED", 1000, "GBP"),
        ("l", "DECLINED", 1000, "GBP"),
        ("w", "REFUNDED", 1000, "GBP"),
        ("m", "REFUNDED", 1000, "GBP"),
        ("s", "REFUNDED", None, None),
    ],
    "entries": [
        *((one, "CHARGE", "card-provider", "customer/ada", 1000, "GBP") for one in "cg"),
        ("a", "CHARGE", "card-provider", "customer/ada", 1000, "GBP"),
        ("a", "REFUND", "customer/ada", "card-provider", 1000, "GBP"),
        *((one, "CHARGE", "card-provider", "customer/ada", 1000, "GBP") for one in "mw"),
        *((one, "REFUND", "customer/ada", "card-provider", 1000, "GBP") for one in "mw"),
    ],
    "provider_charges": [
        *((one, "CHARGED", 1000, "GBP") for one in "cg"),
        ("p", "DECLINED", 1000, "GBP"),
        ("a", "REFUNDED", 1000, "GBP"),
        ("v", "VOIDED", None, None),
        ("d", "DECLINED", 1000, "GBP"),
        ("l", "DECLINED", 1000, "GBP"),
        ("w", "REFUNDED", 1000, "GBP"),
        ("m", "REFUNDED", 1000, "GBP"),
    ],
    "picked_lines": [("g", "A1", 2)],
    # The stock of A1 was at change 12 when listening began. Change 14 came twice.
    "initial_stock": [("A1", 10, 0, 9, 12)],
    "stock_events": [
        *((None, "A1/13", "A1", 13, "StockChanged"), (None, "A1/14", "A1", 14, "StockChanged")),
        *(
            (None, "A1/14", "A1", 14, "StockChanged"),
            (None, "A1/15", "A1", 15, "StockBelowMinimum"),
        ),
        *((None, "B2/1", "B2", 1, "StockChanged"), (None, "B2/2", "B2", 2, "StockChanged")),
    ],
    "availability": [("A1", "LOW", 6, 15), ("B2", "IN_STOCK", 4, 2), ("C3", "SOLD_OUT", 0, 0)],
    "warehouse_stock": [("A1", 6, 2, 9, 15), ("B2", 4, 1, 3, 2), ("C3", 0, 0, 5, 0)],
    "events": [
        *((f"{one}/1", one, 1, "OrderPlaced", "") for one in ENDS),
        *(
            (f"{one}/2", one, 2, f"Order{ENDS[one].capitalize()}", "")
            for one in ENDS
            if one not in "gw"
        ),
        ("g/2", "g", 2, "OrderConfirmed", ""),
        ("g/3", "g", 3, "OrderDispatched", ""),
        ("w/2", "w", 2, "OrderConfirmed", ""),
        ("w/3", "w", 3, "OrderWithdrawn", ""),
        ("w/4", "w", 4, "OrderCancelled", ""),
        # Delivered twice, which the bus may do; and one of nobody's.
        ("again", "c", 2, "OrderConfirmed", ""),
        ("test", None, None, "Order Notification", "{}"),
    ],
}

EVENT = '{"detail-type": "OrderConfirmed", "detail": {"metadata": {"subject": "ORDER"}}}'
REPAIR = '{"payload": {"order_id": "ORDER"}}'
