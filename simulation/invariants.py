"""The invariants: checked after every change, and when the faults have ended and all is quiet.

The numbers are those of the promises in `docs/reliability.md`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lambdas.contracts.inventory import ReservationState
from lambdas.contracts.order_states import OPEN_STATES, TERMINAL_STATES, UNDONE_STATES, OrderState
from lambdas.contracts.orders import DISPUTED, OrderStatusReported
from lambdas.orders.rows import order_of
from lambdas.runtime.dynamodb import from_item
from simulation.bus import Event
from simulation.scenario import PRICE, Customers
from simulation.tables import Change
from simulation.versions import ADDED
from simulation.world import World

Row = Mapping[str, Any]
PAID = ("CHARGED", "DISPUTED")
"""The states of a card's charge in which the shop has the money, or may yet keep it."""
LIMIT = 100_000
"""Above it the provider declines a charge."""
ORDER_MOVES: Mapping[str, Sequence[str]] = {
    "PLACED": ("CONFIRMED", "REJECTED", "CANCELLED", "DISPATCHED"),
    "CONFIRMED": ("WITHDRAWN", "DISPATCHED"),
    "WITHDRAWN": ("CANCELLED", "DISPATCHED"),
}
SHIPMENT_MOVES: Mapping[str, Sequence[str]] = {
    "AWAITED": ("BOOKED", "CANCELLED", "REFUSED"),
    "BOOKED": ("CANCELLED", "DISPATCHED"),
}


PRIVACY = 14
"""What `docs/security.md` says of personal data: none of the numbered promises, and kept too."""


class BrokenPromiseError(Exception):
    """A promise was broken. The journey of the order ``order_id`` shows how."""

    def __init__(self, promise: int, problem: str, order_id: str = "") -> None:
        kind = "privacy" if promise == PRIVACY else f"promise {promise}"
        super().__init__(f"{kind}: {problem}")
        self.promise, self.order_id = promise, order_id


class Invariants:
    """The promises, checked against the tables, the ledger, the provider and the events."""

    def __init__(self, world: World, customers: Customers, delivered: Mapping[str, int]) -> None:
        """``delivered`` has the units of each SKU that were delivered at the start."""
        self._world, self._customers, self._delivered = world, customers, delivered
        self._events: dict[tuple[str, int], Any] = {}
        """What each event said in each version."""
        self._orders = world.table("Orders", "Orders")
        self._stock = world.table("Inventory", "Stock")
        self._reservations = world.table("Inventory", "Reservations")
        self._shipments = world.table("Shipping", "Shipments")
        self._open_orders = world.table("Orders", "OpenOrders")
        self._charges = world.table("CardProvider", "Charges")
        world.checks.append(self.after_change)
        world.event_checks.append(self.after_event)

    def after_change(self, changes: Sequence[Change]) -> None:
        """Check the promises that a change could break."""
        tables = {change.table for change in changes}
        if tables & {self._stock, self._reservations}:
            self._check_stock()
        if tables & {self._shipments, self._charges, self._reservations}:
            self._check_dispatched()
        for change in changes:
            if change.table == self._orders:
                self._check_move("order", ORDER_MOVES, change)
                self._check_counted(change)
                self._check_limits(change)
                self._check_cancellation(change)
            elif change.table == self._shipments:
                self._check_move("shipment", SHIPMENT_MOVES, change)

    def after_event(self, event: Event) -> None:
        """Check that an event with a known id is the same as before."""
        detail = event["detail"]
        if metadata := detail.get("metadata"):
            kind = event["detail-type"]
            # A status report has the time at which it was asked for.
            at = "" if kind == OrderStatusReported.detail_type else metadata["occurred_at"]
            data = {name: value for name, value in detail["data"].items() if name != ADDED}
            content = (kind, at, data)
            version = metadata["event_id"], metadata.get("schema_version")
            first = self._events.setdefault(version, content)
            if first != content:
                order_id = data.get("order_id", "")
                raise BrokenPromiseError(
                    2, f"two events have one id: {first} and {content}", order_id
                )

    def at_the_end(self) -> None:
        """Check every order, when all is quiet."""
        orders = self._rows(self._orders, "order_id")
        for request in self._customers.requests:
            if request.order_id and request.order_id not in orders:
                raise BrokenPromiseError(1, "an accepted order is gone", request.order_id)
            if request.cancelled and orders[request.order_id]["state"] == OrderState.CONFIRMED:
                raise BrokenPromiseError(1, "a cancelled order stands", request.order_id)
        entries = list(self._world.ledger.rows("entries"))
        charges = {row["order_id"]: row for row in self._world.ledger.rows("charges")}
        for order_id, order in orders.items():
            posted = Counter(e["kind"] for e in entries if e["order_id"] == order_id)
            self._check_order(order, posted, charges.get(order_id))
        for row in self._rows(self._open_orders, "customer_id").values():
            if left := [id for id in row["orders"] if orders[id]["state"] not in TERMINAL_STATES]:
                raise BrokenPromiseError(1, f"orders count for ever: {left}", left[0])
        if pending := list(self._world.ledger.rows("outbox")):
            raise BrokenPromiseError(1, f"entries are not published: {pending}")

    def _check_order(self, order: Row, posted: Counter[str], charge: Row | None) -> None:
        order_id, state = order["order_id"], order["state"]
        reservation = self._state(self._reservations, "order_id", order_id)
        shipment = self._state(self._shipments, "order_id", order_id)
        provider = self._state(self._charges, "key", order_id)
        found = {
            "reservation": reservation,
            "shipment": shipment,
            "card": provider,
            "charge": charge["state"] if charge else "",
            "entries": dict(posted),
        }
        if state in OPEN_STATES or state == OrderState.CONFIRMED:
            raise BrokenPromiseError(1, f"the order is {state} for ever: {found}", order_id)
        if state == OrderState.DISPATCHED:
            expected = ("SHIPPED", "DISPATCHED", "CHARGED", "TAKEN", {"CHARGE": 1})
            paid = found | {"card": "CHARGED" if provider in PAID else provider}
            if tuple(paid.values()) != expected:
                raise BrokenPromiseError(2, f"the order is DISPATCHED: {found}", order_id)
        if state in UNDONE_STATES:
            left = [
                reservation not in ("", "REFUSED", "RELEASED"),
                shipment in ("BOOKED", "DISPATCHED"),
                provider in PAID,
                found["charge"] in ("PENDING", "TAKEN"),
                posted["CHARGE"] != posted["REFUND"],
            ]
            if any(left):
                raise BrokenPromiseError(5, f"the order is {state}: {found}", order_id)
        if state == OrderState.REJECTED:
            self._check_reason(order)

    def _check_reason(self, order: Row) -> None:
        """Check that the order's recorded reason is true, such as OutOfStock or PaymentDeclined."""
        total = sum(line["quantity"] * PRICE for line in order["lines"])
        wanted = Counter[str]()
        for row in self._world.tables.rows(self._orders):
            wanted.update({line["sku"]: line["quantity"] for line in row["lines"]})
        justified = {
            "PaymentDeclined": total > LIMIT,
            "AddressUndeliverable": order["country"] == "Unspecified",
            "OutOfStock": any(
                wanted[line["sku"]] > self._delivered[line["sku"]] for line in order["lines"]
            ),
        }
        if not justified.get(order["reason"], False):
            problem = f"the order was rejected: {order['reason']} ({order.get('explanation')})"
            raise BrokenPromiseError(11, problem, order["order_id"])

    def _check_stock(self) -> None:
        held, left = Counter[str](), Counter[str]()
        for row in self._world.tables.rows(self._reservations):
            units = {line["sku"]: line["quantity"] for line in row["lines"]}
            state = ReservationState(row["state"])
            if state.holds_units:
                held.update(units)
            elif state == ReservationState.SHIPPED:
                left.update(units)
        for row in self._world.tables.rows(self._stock):
            sku, available, reserved = row["sku"], row["available"], row["reserved"]
            if available < 0 or reserved != held[sku]:
                raise BrokenPromiseError(3, f"{row}, and {held[sku]} are reserved")
            if available + reserved + left[sku] != self._world.delivered(sku, self._delivered):
                raise BrokenPromiseError(3, f"{row}, and {left[sku]} have left")

    def _check_dispatched(self) -> None:
        for row in self._world.tables.rows(self._shipments):
            if row["state"] == "DISPATCHED":
                order_id = row["order_id"]
                card = self._state(self._charges, "key", order_id)
                reservation = self._state(self._reservations, "order_id", order_id)
                if card not in PAID or reservation not in ("RESERVED", "SHIPPING", "SHIPPED"):
                    problem = f"dispatched, and its card is {card}, its stock {reservation}"
                    raise BrokenPromiseError(4, problem, order_id)

    def _check_move(self, what: str, moves: Mapping[str, Sequence[str]], change: Change) -> None:
        if change.before and change.after:
            before, after = change.before["state"]["S"], change.after["state"]["S"]
            if before != after and after not in moves.get(before, ()):
                order_id = change.after["order_id"]["S"]
                raise BrokenPromiseError(2, f"the {what} went from {before} to {after}", order_id)

    def _check_counted(self, change: Change) -> None:
        """Check that an order which has not ended counts against its customer's limits."""
        after = change.after or {}
        if after.get("state", {}).get("S", OrderState.CANCELLED) in TERMINAL_STATES:
            return
        order_id, customer = after["order_id"]["S"], after["customer_id"]["S"]
        row = self._rows(self._open_orders, "customer_id").get(customer, {})
        if order_id not in row.get("orders", {}):
            raise BrokenPromiseError(10, "an open order counts against no limit", order_id)

    def _check_limits(self, change: Change) -> None:
        """Check that a new order leaves its customer's orders within the limits."""
        if change.before or not change.after:
            return
        new = change.after["order_id"]["S"]
        orders = self._rows(self._orders, "order_id")
        own = [r for r in orders.values() if r["customer_id"] == orders[new]["customer_id"]]
        open_ = [row for row in own if row["state"] not in TERMINAL_STATES]
        day = orders[new]["placed_at"][:10]
        together = {
            "orders": len(open_),
            "units": sum(line["quantity"] for row in open_ for line in row["lines"]),
            "value": sum(row["total"] for row in open_),
            "orders_a_day": sum(row["placed_at"].startswith(day) for row in own),
        }
        limits = json.loads(self._world.function("orders.place_order").settings["CUSTOMER_LIMITS"])
        for what, most in limits.items():
            if together[what] > most:
                problem = f"a customer has {together[what]} {what}, above {most}"
                raise BrokenPromiseError(10, problem, new)

    def _check_cancellation(self, change: Change) -> None:
        before, after = change.before or {}, change.after or {}
        withdrawn = after.get("state") == {"S": "WITHDRAWN"} != before.get("state")
        if withdrawn and order_of(from_item(after)).is_disputed:
            order_id = after["order_id"]["S"]
            if after["reason"]["S"] != DISPUTED:
                raise BrokenPromiseError(4, "a disputed order is to be refunded", order_id)
        confirmed = after.get("state") == {"S": "CONFIRMED"} != before.get("state")
        if confirmed and "cancel_requested_at" in before:
            order_id = after["order_id"]["S"]
            raise BrokenPromiseError(1, "a cancelled order was confirmed", order_id)

    def _rows(self, table: str, key: str) -> dict[str, Row]:
        return {row[key]: row for row in self._world.tables.rows(table)}

    def _state(self, table: str, key: str, value: str) -> str:
        return str(self._rows(table, key).get(value, {}).get("state", ""))
