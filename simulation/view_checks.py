"""The promise about views: at the end they are what the events say, and the services' tables.

What they must say is made here from the events that the bus took, not from the order stream.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.parsing import unwrap_event
from lambdas.storefront.customer_orders import render_order
from lambdas.storefront.timeline import render_timeline
from simulation.bus import Event
from simulation.invariants import BrokenPromiseError
from simulation.world import World

KNOWN = {(each.source, each.detail_type) for each in ORDER_STREAM_EVENTS}
Line = tuple[str, str, int, str]
"""An event of a timeline: when, its service, its number, its type."""


class ViewChecks:
    """What the storefront's views must say."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._events: defaultdict[str, set[Line]] = defaultdict(set)
        world.event_checks.append(self._after_event)

    def _after_event(self, event: Event) -> None:
        source, detail_type, detail, _ = unwrap_event(event)
        if (source, detail_type) in KNOWN and detail["data"]:
            metadata, service = detail["metadata"], source.rpartition(".")[2]
            line = metadata["occurred_at"], service, metadata["sequence"], detail_type
            self._events[metadata["subject"]].add(line)

    def at_the_end(self) -> None:
        """Check every view, when all is quiet."""
        self._compare("availability", self._available(), self._stock())
        self._compare("products", self._products(), self._catalogue())
        self._compare("timelines", self._timelines(), self._expected_timelines())
        self._compare("customer_orders", self._listed(), self._orders())
        self._compare("sales", self._counted(), self._sold())

    def _compare(self, view: str, actual: dict[Any, Any], expected: dict[Any, Any]) -> None:
        for key in sorted(actual.keys() | expected.keys()):
            if actual.get(key) != expected.get(key):
                problem = f"{view} of {key}: {actual.get(key)}, not {expected.get(key)}"
                raise BrokenPromiseError(6, problem, key if key in self._events else "")

    def _rows(self, view: str) -> Iterator[dict[str, Any]]:
        function = self._world.function(f"storefront.update_{view}")
        yield from self._world.tables.rows(function.settings[f"{view.upper()}_TABLE"])

    def _available(self) -> dict[str, Any]:
        return {
            row["sku"]: (row["available"], row["sequence"]) for row in self._rows("availability")
        }

    def _stock(self) -> dict[str, Any]:
        rows = self._world.tables.rows(self._world.table("Inventory", "Stock"))
        return {row["sku"]: _stock(row) for row in rows}

    def _products(self) -> dict[str, Any]:
        return {row["sku"]: _product(row) for row in self._rows("products")}

    def _catalogue(self) -> dict[str, Any]:
        rows = self._world.tables.rows(self._world.table("Catalog", "Products"))
        return {row["sku"]: _product(row) for row in rows}

    def _timelines(self) -> dict[str, Any]:
        return {
            row["order_id"]: [
                (each["at"], each["service"], each["event"])
                for each in render_timeline(row)["events"]
            ]
            for row in self._rows("timelines")
        }

    def _expected_timelines(self) -> dict[str, Any]:
        return {
            order_id: [(at, service, type_) for at, service, _, type_ in sorted(events)]
            for order_id, events in self._events.items()
        }

    def _listed(self) -> dict[str, Any]:
        found = {}
        for row in self._rows("customer_orders"):
            shown = render_order(row)
            found[row["order_id"]] = row["customer_id"], shown["state"], shown["total"]["amount"]
        return found

    def _orders(self) -> dict[str, Any]:
        rows = self._world.tables.rows(self._world.table("Orders", "Orders"))
        return {row["order_id"]: (row["customer_id"], row["state"], row["total"]) for row in rows}

    def _counted(self) -> dict[str, Any]:
        counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for row in self._rows("sales"):
            if "orders" in row:
                per = row["partition_key"].rpartition("/")[0]
                names = ("orders", "units", "amount")
                counted[f"{per} {row['sort_key']}"].update({name: row[name] for name in names})
        return counted

    def _sold(self) -> dict[str, Any]:
        sold: defaultdict[str, Counter[str]] = defaultdict(Counter)
        rows = self._world.tables.rows(self._world.table("Orders", "Orders"))
        lines_of = {row["order_id"]: row["lines"] for row in rows}
        for order_id, events in self._events.items():
            for at, _, _, type_ in events:
                if type_ == "OrderConfirmed":
                    day, minute, lines = at[:10], at[11:16], lines_of[order_id]
                    amounts = {line["sku"]: line["quantity"] * line["unit_price"] for line in lines}
                    units = {line["sku"]: line["quantity"] for line in lines}
                    sold[f"{day}/minute {minute}/GBP"].update(
                        orders=1, units=sum(units.values()), amount=sum(amounts.values())
                    )
                    for sku, amount in amounts.items():
                        sold[f"{day}/product {sku}/GBP"].update(
                            orders=1, units=units[sku], amount=amount
                        )
        return sold


def _stock(row: dict[str, Any]) -> Any:
    return row["available"], row["sequence"]


def _product(row: dict[str, Any]) -> Any:
    return row["name"], row["offers"], row["sequence"]
