"""A run's events and views that agree."""

import json
from typing import Any

PLACED, TAKEN, CONFIRMED = "OrderPlaced", "PaymentTaken", "OrderConfirmed"
DATA = {
    "total": {"amount": 900, "currency": "GBP"},
    "lines": [
        {"sku": "A1", "quantity": 2, "unit_price": 300},
        {"sku": "B2", "quantity": 3, "unit_price": 100},
    ],
}


def at(minute: int, second: int = 0) -> str:
    return f"2026-12-01T08:{minute:02}:{second:02}+00:00"


# Orders c and d are confirmed, p is placed; x is another run's: only the views have it.
HAPPENED = [
    *(("c", "orders", 1, PLACED, at(1)), ("c", "payments", 1, TAKEN, at(1, 5))),
    *(("c", "orders", 2, CONFIRMED, at(1, 9)), ("d", "orders", 1, PLACED, at(2))),
    *(("d", "orders", 2, CONFIRMED, at(2, 9)), ("p", "orders", 1, PLACED, at(3))),
]
CLEAN: dict[str, list[tuple[Any, ...]]] = {
    "accepted": [(one, f"invoice-{one}") for one in "cdp"],
    "orders": [
        *((one, "ada", "CONFIRMED", 2, 900, "GBP", None, None) for one in "cd"),
        ("p", "bob", "PLACED", 1, 900, "GBP", None, None),
    ],
    "logged_events": [
        (f"{n}", service, order, sequence, kind, when, json.dumps(DATA))
        for n, (order, service, sequence, kind, when) in enumerate(
            # The bus may deliver twice.
            [*HAPPENED, HAPPENED[2]]
        )
    ],
    "timelines": [
        *(("c", 1, "orders", PLACED, at(1)), ("c", 2, "payments", TAKEN, at(1, 5))),
        *(("c", 3, "orders", CONFIRMED, at(1, 9)), ("d", 1, "orders", PLACED, at(2))),
        *(("d", 2, "orders", CONFIRMED, at(2, 9)), ("p", 1, "orders", PLACED, at(3))),
        ("x", 1, "orders", PLACED, at(0)),
    ],
    "customer_orders": [
        *((one, "ada", "CONFIRMED", 900, "GBP") for one in "cd"),
        *(("p", "bob", "PLACED", 900, "GBP"), ("x", "ada", "CONFIRMED", 900, "GBP")),
    ],
    "sales_counters": [
        ("2026-12-01", "minute", "08:01", "GBP", 2, 10, 1800),
        ("2026-12-01", "minute", "08:02", "GBP", 1, 5, 900),
        # In two buckets; x has bought A1 as well.
        ("2026-12-01", "product", "A1", "GBP", 2, 4, 1200),
        ("2026-12-01", "product", "A1", "GBP", 1, 2, 600),
        ("2026-12-01", "product", "B2", "GBP", 3, 9, 900),
        ("2026-12-01", "product", "C3", "GBP", 1, 1, 1),
    ],
    "initial_sales_counters": [
        ("2026-12-01", "minute", "08:01", "GBP", 1, 5, 900),
        ("2026-12-01", "product", "A1", "GBP", 1, 2, 600),
        ("2026-12-01", "product", "B2", "GBP", 1, 3, 300),
        ("2026-12-01", "product", "C3", "GBP", 1, 1, 1),
    ],
}
