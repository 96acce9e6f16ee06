"""What customers, operators and time do to the platform, so that each kind of row is written."""

import json
import re
from typing import Any

from simulation.tables import BusyRow
from tests.support.abuse_platform import PRICE, dispute, gateway_event, routes
from tests.support.lived_consumers import LivedConsumers
from tests.support.lived_platform import COMMAND, ROUTE, LivedPlatform
from tests.support.source_records import SCHEDULE

ADA, BOB = "ada", "bob"
MINUTE, DAY = 60, 86_400
PICKER = "workers.warehouse.pick-queue"
PURCHASING = "purchasing."
ORDER = "/orders/{order_id}"


class Story:
    """The platform on which all of it was played: its ``plays`` have every invocation."""

    def __init__(self) -> None:
        self.here = LivedPlatform()
        with self.here.installed():
            self._consumers = LivedConsumers(self.here)
            self._routes = routes(self.here.templates)
            self._open_the_shop()
            self._orders_that_end()
            self._stock_that_swings()
            self._orders_that_wait()
            self._questions()
            for time in (10 * MINUTE, 20 * MINUTE, 2 * DAY, 3 * DAY):
                self._wait(time)
            self._operators_acts()
            for time in (400 * DAY, 4_000 * DAY):
                self._wait(time)
        self.here.are_kept = False

    def _request(self, route: str, caller: str | None = ADA, **parts: Any) -> Any:
        event = gateway_event(caller=caller, **parts)
        outcome = self.here.play(self.here.functions[self._routes[route]].short, ROUTE, event)
        assert not outcome.error, (route, outcome)
        assert outcome.payload["statusCode"] < 400, (route, outcome.payload)
        body = outcome.payload.get("body", "")
        return json.loads(body) if body.startswith("{") else body

    def _about(self, route: str, order: str, caller: str = ADA) -> Any:
        return self._request(route, caller, path={"order_id": order})

    def _command(self, function: str, **command: Any) -> None:
        outcome = self.here.play(function, COMMAND, command)
        assert not outcome.error, (function, outcome)

    def _deliver_all(self) -> None:
        """Deliver all that was written and published, and what follows from it."""
        self._consumers.deliver_changes()

    def _lose(self) -> None:
        """Lose all that was written and published."""
        self.here.changes.clear()
        self.here.sent.clear()

    def _wait(self, seconds: float) -> None:
        """Let time pass, and run the schedules."""
        self.here.kernel.now += seconds
        self._run("")
        self._deliver_all()

    def _run(self, function: str) -> None:
        """Run the scheduled functions whose names begin with this."""
        for consumer in self._consumers.all:
            if consumer.kind == SCHEDULE and consumer.name.startswith(function):
                self._consumers.deliver(consumer, self._consumers.delivered[str(consumer)][0])

    def _order(self, who: str, key: str, *lines: tuple[str, int], to: str = "France") -> str:
        wanted = [{"sku": sku, "quantity": units, "unit_price": PRICE} for sku, units in lines]
        body = {"currency": "GBP", "country": to, "lines": wanted}
        headers = {"Idempotency-Key": key}
        placed = self._request("POST /orders", who, headers=headers, body=json.dumps(body))
        return str(placed["order_id"])

    def _open_the_shop(self) -> None:
        offers = [{"currency": "GBP", "unit_price": PRICE}]
        for sku in ("cup", "jug", "pan"):
            for name in (sku, sku.title()):
                product = json.dumps({"name": name, "offers": offers})
                self._request("PUT /products/{sku+}", path={"sku": sku}, body=product)
        lines = [
            {"sku": sku, "quantity": units, "minimum": 5}
            for sku, units in (("cup", 500), ("jug", 6), ("pan", 2))
        ]
        self._command("inventory.receive_stock", delivery_id="d", lines=lines)
        self._deliver_all()
        self.here.kernel.now += 10 * MINUTE
        for who in (ADA, BOB):
            contact = json.dumps({"name": who.title(), "email": f"{who}@shop.example"})
            self._request("PUT /contact", who, body=contact)
            token = re.findall(r"token=([\w.-]+)", str(self.here.sent[-1]))[0]
            self._request("GET /contact/confirmation", None, query={"token": token})
            self._request("POST /contact/confirmation", None, body=f"token={token}")
            self._request("PUT /contact", who, body=contact)
        self._deliver_all()

    def _orders_that_end(self) -> None:
        self._dispatched = self._order(ADA, "1", ("cup", 1))
        self._order(ADA, "repeats it", ("cup", 1))
        self._order(BOB, "1", ("jug", 2))
        self._order(ADA, "sells out", ("pan", 2))
        self._deliver_all()
        self._order(BOB, "out of stock", ("pan", 5), ("cup", 1))
        self._order(BOB, "declined", ("cup", 400))
        self._order(BOB, "not delivered there", ("cup", 2), to="Unspecified")
        self._deliver_all()
        unclaimed = self._order(ADA, "cancelled", ("cup", 2))
        self._about(f"DELETE {ORDER}", unclaimed)
        self._deliver_all()
        # A late command, which leaves something behind.
        lines = [{"sku": "cup", "quantity": 2}]
        self._command("inventory.reserve_stock", order_id=unclaimed, lines=lines)
        self._deliver_all()

    def _stock_that_swings(self) -> None:
        """Cross a threshold again while the purchase order for the first crossing is on its way."""
        self._run(PURCHASING)
        lines = [{"sku": "jug", "quantity": 3}]
        self._command("inventory.receive_stock", delivery_id="d2", lines=lines)
        self._command("inventory.reserve_stock", order_id="swings", lines=lines)
        self._deliver_all()
        # The supplier has delivered by then.
        self.here.kernel.now += DAY
        self._run(PURCHASING)
        self._deliver_all()

    def _orders_that_wait(self) -> None:
        consumers = self._consumers
        consumers.deaf = {PICKER}
        self._held = self._order(ADA, "held", ("cup", 3))
        self._withdrawn = self._order(BOB, "withdrawn", ("cup", 3), ("jug", 1))
        self._order(BOB, "not picked", ("cup", 7))
        self._deliver_all()
        stock = next(name for name in self.here.table_names if "Inventory.Stock" in name)
        busy = BusyRow(table=stock, key="cup", since=0, until=float("inf"), share=2)
        for order in ("waits", "waits, too"):
            self.here.tables.busy.append(busy)
            lines = [{"sku": "cup", "quantity": 1}]
            command = {"order_id": order, "lines": lines}
            self.here.play("inventory.reserve_stock", COMMAND, command)
            self.here.tables.busy.clear()
        self._deliver_all()
        consumers.publish(dispute(self._held))
        self._deliver_all()
        consumers.failing = {"inventory.release_stock": "StockMismatchError"}
        self._about(f"DELETE {ORDER}", self._withdrawn, BOB)
        self._deliver_all()
        consumers.failing = {"payments.take_payment": "Lambda.Unknown"}
        self._deferred = self._order(BOB, "deferred", ("cup", 4))
        self._order(ADA, "deferred, too", ("cup", 4))
        self._deliver_all()
        consumers.failing, consumers.deaf = {}, set()
        for who in (ADA, BOB):
            self._order(who, "its event is lost", ("cup", 5))
        self._lose()

    def _questions(self) -> None:
        for order, who in (
            (self._dispatched, ADA),
            (self._held, ADA),
            (self._withdrawn, BOB),
            (self._deferred, BOB),
        ):
            self._about(f"GET {ORDER}", order, who)
            self._about(f"GET {ORDER}/timeline", order, who)
        for who, limit in ((ADA, "20"), (BOB, "2")):
            self._request("GET /orders", who, query={"limit": limit})
        for per in ("minute", "product"):
            self._request("GET /sales", query={"day": "2030-01-01", "per": per})
        self._request("GET /products/{sku+}", path={"sku": "cup"})

    def _operators_acts(self) -> None:
        self._order(BOB, "1", ("jug", 2))  # the same request again
        self._consumers.failing = {"payments.take_payment": "Lambda.Unknown"}
        resumed = self._order(BOB, "resumed", ("cup", 2))
        self._deliver_all()
        self._consumers.failing = {}
        self._command("orders.resume_order", order_id=resumed)
        self._lose()
        self._command(
            "orders.mark_compensation_completed",
            order_id=self._withdrawn,
            compensation="ReleaseStock",
        )
        self.here.play("orders.lift_hold", COMMAND, {"order_id": self._held, "cause": "none"})
        self._command("notifications.erase_customer", customer_id=BOB, dry_run=True)
        self._command("notifications.erase_customer", customer_id=BOB)
        self._request("DELETE /contact")
