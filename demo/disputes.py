"""Disputed payments: their orders are held, and dispatched once an operator lifts the holds."""

import json
from collections.abc import Callable, Mapping
from sqlite3 import Connection
from typing import Any

from demo.partner import publish_dispute
from demo.screen import Note, Screen
from demo.waiting import wait_until_none
from emulator.cloud import Cloud
from lambdas.runtime.dynamodb import from_item, to_item

SCHEMA = """
CREATE TABLE disputes (
    order_id TEXT PRIMARY KEY, reason TEXT, explanation TEXT, held INT DEFAULT 0,
    held_when_picked INT DEFAULT 0, lifted INT DEFAULT 0
);
CREATE VIEW disputed AS SELECT d.*, o.state FROM disputes d JOIN orders o USING (order_id);
"""
"""`explanation` is what the customer reads of the hold."""

HELD = "UPDATE disputes SET held = 1 WHERE order_id = ?"
HELD_WHEN_PICKED = "UPDATE disputes SET held_when_picked = 1 WHERE order_id = ?"
LIFTED = "UPDATE disputes SET lifted = 1 WHERE order_id = ?"
REASONS = ("fraudulent", "product_not_received", "duplicate")


class Disputes:
    """Acts as the card company, which opens disputes, and as the operator, who lifts the holds."""

    def __init__(self, cloud: Cloud, outputs: Mapping[str, str], database: Connection) -> None:
        """`outputs` are the outputs of the deployed stacks; `database` has the run's schema."""
        self._cloud = cloud
        self._outputs = outputs
        self._database = database

    def open_disputes(self, note: Note) -> None:
        """Dispute a few confirmed orders, and wait until the orders and shipments are held."""
        found = self._database.execute(
            "SELECT order_id FROM accepted JOIN orders USING (order_id) WHERE state = 'CONFIRMED'"
            " AND order_id NOT IN (SELECT order_id FROM duplicates) ORDER BY order_id LIMIT ?",
            [len(REASONS)],
        ).fetchall()
        for (order_id,), reason in zip(found, REASONS, strict=False):
            publish_dispute(
                self._cloud,
                self._outputs["PartnerBus"],
                dispute_id=f"dp_{order_id}",
                payment_key=order_id,
                reason=reason,
            )
            self._database.execute(
                "INSERT INTO disputes (order_id, reason) VALUES (?, ?)", [order_id, reason]
            )
        note(f"{self._record_when(HELD, self._is_held)} of {len(found)} held")

    def lift_holds(self, note: Note, *, progress: Callable[[], int]) -> None:
        """Wait until the held orders are picked, then lift the holds.

        `progress` returns a number that changes as long as workers pick orders.
        """
        self._record_when(HELD_WHEN_PICKED, self._is_picked_and_held, progress)
        note(f"{self._record_when(LIFTED, self._lift_holds_of)} holds lifted")

    def _record_when(
        self, statement: str, is_so: Callable[[str], bool], progress: Callable[[], int] = int
    ) -> int:
        """Run the statement for each disputed order once `is_so` is true of it; count them."""
        open_ = [row[0] for row in self._database.execute("SELECT order_id FROM disputes")]
        total = len(open_)

        def remaining() -> int:
            for order_id in [each for each in open_ if is_so(each)]:
                self._database.execute(statement, [order_id])
                open_.remove(order_id)
            return len(open_)

        wait_until_none(remaining, progress=progress)
        return total - len(open_)

    def _is_held(self, order_id: str) -> bool:
        (explanation, *_) = [hold["explanation"] for hold in self._holds(order_id)] or [""]
        self._database.execute(
            "UPDATE disputes SET explanation = ? WHERE order_id = ?", [explanation, order_id]
        )
        return bool(explanation) and bool(self._row("ShipmentsTable", order_id).get("held"))

    def _is_picked_and_held(self, order_id: str) -> bool:
        shipment = self._row("ShipmentsTable", order_id)
        return bool(shipment.get("picked")) and shipment["state"] == "BOOKED"

    def _lift_holds_of(self, order_id: str) -> bool:
        for hold in self._holds(order_id):
            answer = self._cloud.client("lambda").invoke(
                FunctionName=self._outputs["LiftHoldFunction"],
                Payload=json.dumps({"order_id": order_id, "cause": hold["cause"]}),
            )
            if "FunctionError" in answer:
                return False
        return True

    def _holds(self, order_id: str) -> list[dict[str, Any]]:
        return list(self._row("OrdersTable", order_id).get("holds", []))

    def _row(self, table: str, order_id: str) -> dict[str, Any]:
        answer = self._cloud.client("dynamodb").get_item(
            TableName=self._outputs[table],
            Key=to_item({"order_id": order_id}),
            ConsistentRead=True,
        )
        return from_item(answer.get("Item", {}))


def show(screen: Screen, database: Connection) -> None:
    """Show how many payments were disputed, and how their orders ended."""
    opened, held, held_when_picked, lifted, dispatched = database.execute(
        "SELECT count(*), sum(held), sum(held_when_picked), sum(lifted), sum(state = 'DISPATCHED')"
        " FROM disputed"
    ).fetchone()
    if not opened:
        return
    screen.title("Disputed payments")
    (example,) = database.execute("SELECT explanation FROM disputes ORDER BY reason").fetchone()
    screen.item("opened by the partner", f"{opened:,}")
    screen.item("orders held", f"{screen.of(held, opened)}  e.g. “{example}”")
    screen.item("held when picked", screen.of(held_when_picked, opened))
    screen.item(
        "holds lifted",
        f"{screen.of(lifted, opened)}; {screen.of(dispatched, opened)} orders dispatched since",
    )


def succeeded(database: Connection) -> bool:
    """Return whether each disputed order was held, and dispatched once its hold was lifted."""
    (wrong,) = database.execute(
        "SELECT count(*) FROM disputed WHERE NOT (held AND held_when_picked AND lifted"
        " AND state = 'DISPATCHED')"
    ).fetchone()
    return not wrong
