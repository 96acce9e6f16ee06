"""Measure how the memory and the writes of a rebuild depend on the size of the archive.

`python -m bench.view_rebuild` replays orders of four events each, in random order, into a table
that only counts. Memory is the peak of what Python allocates during the rebuild.
"""

import json
import random
import sys
import tracemalloc
from collections.abc import Sequence
from typing import Any, cast

from lambdas.contracts.envelope import envelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderConfirmed, OrderPlaced
from lambdas.contracts.payments import PaymentTaken
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.contracts.values import Line, Money, PricedLine
from ops.views.rebuild import ProjectionWriter
from ops.views.registry import VIEWS
from ops.views.sources import OrderEventSource, drain

ORDER_COUNTS = (500, 5_000)
LINES = tuple(PricedLine(sku=f"S{n}", quantity=1, unit_price=250) for n in range(4))
SHUFFLE_WINDOW = 400
"""The number of events within which the replay is shuffled."""


class CountingTable:
    """A table that stores nothing and counts the write units that AWS would bill."""

    def __init__(self) -> None:
        self.items = 0

    def update_item(self, **_: Any) -> None:
        """Count one write."""
        self.items += 1

    def transact_write_items(self, *, TransactItems: Sequence[Any]) -> None:  # noqa: N803
        """Count two writes for each item, as AWS bills transactions."""
        self.items += 2 * len(TransactItems)


class FakeReplay:
    """A replay of generated orders' events."""

    def __init__(self, orders: int) -> None:
        self._orders = iter(range(orders))
        self._pending: list[str] = []
        self._random = random.Random(7)  # noqa: S311
        self.is_complete = False

    def receive(self) -> list[dict[str, str]]:
        """Return up to ten messages."""
        while (
            len(self._pending) < SHUFFLE_WINDOW and (order := next(self._orders, None)) is not None
        ):
            self._pending += _events(f"order-{order}")
        self._random.shuffle(self._pending)
        some, self._pending = self._pending[:10], self._pending[10:]
        self.is_complete = not self._pending
        return [{"Body": body} for body in some]

    def delete(self, _: Sequence[Any]) -> None:
        """Do nothing: the replay does not return messages."""


def _events(order: str) -> list[str]:
    total = Money(amount=1_000, currency="GBP")
    units = tuple(Line(sku=line.sku, quantity=1) for line in LINES)
    events: list[tuple[int, Event]] = [
        (
            1,
            OrderPlaced(order_id=order, customer_id="c", lines=LINES, total=total, country="Italy"),
        ),
        (
            2,
            OrderConfirmed(
                order_id=order, customer_id="c", lines=LINES, total=total, country="Italy"
            ),
        ),
        (1, PaymentTaken(order_id=order, customer_id="c", total=total)),
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
    print("| view | events | KiB at the peak | billed writes per event |\n|---|---|---|---|")
    of_events = {name: view for name, view in VIEWS.items() if view.source is OrderEventSource}
    for name, view in of_events.items():
        for orders in ORDER_COUNTS:
            table = CountingTable()
            write = ProjectionWriter(view, view.projector("table", cast(Any, table)))
            tracemalloc.start()
            replay: Any = FakeReplay(orders)
            for _ in drain(replay, replay, write, workers=1):
                pass
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            writes = table.items / write.events
            print(f"| {name} | {write.events:,} | {peak / 1024:,.0f} | {writes:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
