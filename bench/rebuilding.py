"""What a rebuild holds in memory, and what it writes, by how much the archive holds.

`python -m bench.rebuilding` replays so many orders of four facts each, in no order, into a table
that only counts. Memory is what Python allocates on top of what was there before, at its peak.
"""

import json
import random
import sys
import tracemalloc
from collections.abc import Sequence
from typing import Any

from lambdas.contracts.event import Event, envelope
from lambdas.contracts.orders import OrderConfirmed, OrderPlaced
from lambdas.contracts.payments import PaymentTaken
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.contracts.values import Line, Money, PricedLine
from ops.origins import Facts, replayed
from ops.rebuild import Written
from ops.views import VIEWS

ORDERS = (500, 5_000)
LINES = tuple(PricedLine(sku=f"S{n}", quantity=1, unit_price=250) for n in range(4))
WINDOW = 400
"""Within so many events, the archive's order is none."""


class Counting:
    """A table that keeps nothing and counts requests, and the items that they write."""

    def __init__(self) -> None:
        self.items = 0

    def update_item(self, **_: Any) -> None:
        """A note."""
        self.items += 1

    def transact_write_items(self, *, TransactItems: Sequence[Any]) -> None:  # noqa: N803
        """Marks and counters; a transaction's items count twice, as they are billed."""
        self.items += 2 * len(TransactItems)


class Archive:
    """A replay of orders that are made up as it goes on."""

    def __init__(self, orders: int) -> None:
        self._orders = iter(range(orders))
        self._waiting: list[str] = []
        self._dice = random.Random(7)  # noqa: S311
        self.over = False

    def take(self) -> list[dict[str, str]]:
        """Ten events."""
        while len(self._waiting) < WINDOW and (order := next(self._orders, None)) is not None:
            self._waiting += _events(f"order-{order}")
        self._dice.shuffle(self._waiting)
        some, self._waiting = self._waiting[:10], self._waiting[10:]
        self.over = not self._waiting
        return [{"Body": body} for body in some]

    def done(self, _: Sequence[Any]) -> None:
        """They are written."""


def _events(order: str) -> list[str]:
    about: dict[str, Any] = {"order_id": order, "customer_id": "c"}
    total = Money(amount=1_000, currency="GBP")
    whole: dict[str, Any] = {**about, "lines": LINES, "total": total, "country": "Italy"}
    units = tuple(Line(sku=line.sku, quantity=1) for line in LINES)
    events: list[tuple[int, Event]] = [
        (1, OrderPlaced(**whole)),
        (2, OrderConfirmed(**whole)),
        (1, PaymentTaken(**about, total=total)),
        (1, ShipmentDispatched(order_id=order, shipment_id="s", country="Italy", lines=units)),
    ]
    return [_body(order, number, event) for number, event in events]


def _body(order: str, number: int, event: Event) -> str:
    entry = envelope(
        event,
        subject=order,
        sequence=number,
        correlation_id=order,
        causation_id=order,
        occurred_at="2026-12-01T08:26:00+00:00",
    ).to_put_events_entry("")
    detail = json.loads(entry["Detail"])
    event_ = {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": detail}
    return json.dumps(event_)


def main() -> int:
    """Measure and print a table in Markdown."""
    print("| view | facts | KiB at the peak | billed writes a fact |\n|---|---|---|---|")
    of_facts = {name: view for name, view in VIEWS.items() if view.origin is Facts}
    for name, view in of_facts.items():
        for orders in ORDERS:
            table = Counting()
            write = Written(view, view.into("table", table))
            tracemalloc.start()
            for _ in replayed(Archive(orders), write, at_once=1):  # type: ignore[arg-type]
                pass
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            writes = table.items / write.facts
            print(f"| {name} | {write.facts:,} | {peak / 1024:,.0f} | {writes:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
