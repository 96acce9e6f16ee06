"""A few payments of a run are disputed: their orders stay, and leave once the holds are lifted."""

import json
import time
from collections.abc import Callable, Mapping
from sqlite3 import Connection
from typing import Any

from demo.partner import publish_dispute
from demo.report import Note, Screen
from emulator.cloud import Cloud
from lambdas.runtime.dynamodb import from_item, to_item

SCHEMA = """
CREATE TABLE disputes (
    order_id TEXT PRIMARY KEY, reason TEXT, told TEXT, held INT DEFAULT 0, waited INT DEFAULT 0,
    lifted INT DEFAULT 0
);
CREATE VIEW disputed AS SELECT d.*, o.state FROM disputes d JOIN orders o USING (order_id);
"""
"""``told`` is what the customer is told of the hold, ``waited`` whether it was picked meanwhile."""

HELD = "UPDATE disputes SET held = 1 WHERE order_id = ?"
WAITED = "UPDATE disputes SET waited = 1 WHERE order_id = ?"
LIFTED = "UPDATE disputes SET lifted = 1 WHERE order_id = ?"
REASONS = ("fraudulent", "product_not_received", "duplicate")
STALL_TIMEOUT = 60.0
"""Seconds without any headway after which the rest is given up; the report then says so."""


class Disputes:
    """The card company's side, and the operator's who lifts what it caused."""

    def __init__(self, cloud: Cloud, outputs: Mapping[str, str], database: Connection) -> None:
        """``outputs`` are those of the deployed stacks; ``database`` has the schema."""
        self._cloud = cloud
        self._outputs = outputs
        self._database = database

    def open_disputes(self, note: Note) -> None:
        """Dispute a few orders that are confirmed, and wait until they and shipments are held."""
        found = self._database.execute(
            "SELECT order_id FROM accepted JOIN orders USING (order_id) WHERE state = 'CONFIRMED'"
            " ORDER BY order_id LIMIT ?",
            [len(REASONS)],
        ).fetchall()
        for (order_id,), reason in zip(found, REASONS, strict=False):
            publish_dispute(
                self._cloud, dispute_id=f"dp_{order_id}", payment_key=order_id, reason=reason
            )
            self._database.execute(
                "INSERT INTO disputes (order_id, reason) VALUES (?, ?)", [order_id, reason]
            )
        note(f"{self._await(HELD, self._is_held)} of {len(found)} held")

    def lift_holds(self, note: Note, *, headway: Callable[[], int]) -> None:
        """Wait until what is held was picked, and lift the holds: it can leave.

        As long as ``headway`` answers another number, its turn at the workers may be yet to come.
        """
        self._await(WAITED, self._is_picked_and_held, headway)
        note(f"{self._await(LIFTED, self._lift_holds_of)} holds lifted")

    def _await(
        self, note: str, true: Callable[[str], bool], headway: Callable[[], int] = int
    ) -> int:
        """Ask until it is true of all, or until nothing moves; note and count of which it is."""
        open_ = [row[0] for row in self._database.execute("SELECT order_id FROM disputes")]
        several = len(open_)
        seen, since = (several, headway()), time.monotonic()
        while open_ and time.monotonic() - since < STALL_TIMEOUT:
            began = time.monotonic()
            for order_id in [each for each in open_ if true(each)]:
                self._database.execute(note, [order_id])
                open_.remove(order_id)
            if seen != (now := (len(open_), headway())):
                seen, since = now, time.monotonic()
            time.sleep(max(0.2, 2 * (time.monotonic() - began)))
        return several - len(open_)

    def _is_held(self, order_id: str) -> bool:
        (told, *_) = [hold["explanation"] for hold in self._holds(order_id)] or [""]
        self._database.execute("UPDATE disputes SET told = ? WHERE order_id = ?", [told, order_id])
        return bool(told) and bool(self._row("ShipmentsTable", order_id).get("held"))

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
    """How many payments were disputed, and what became of their orders."""
    told, held, waited, lifted, left = database.execute(
        "SELECT count(*), sum(held), sum(waited), sum(lifted), sum(state = 'DISPATCHED')"
        " FROM disputed"
    ).fetchone()
    if not told:
        return
    screen.title("Disputed payments")
    (example,) = database.execute("SELECT told FROM disputes ORDER BY reason").fetchone()
    screen.item("told by the partner", f"{told:,}")
    screen.item("orders held", f"{screen.of(held, told)}  e.g. “{example}”")
    screen.item("stayed though picked", screen.of(waited, told))
    screen.item(
        "holds lifted",
        f"{screen.of(lifted, told)}, of which {screen.of(left, told)} orders have left since",
    )


def succeeded(database: Connection) -> bool:
    """Whether each was held, stayed, and left once its hold was lifted."""
    (wrong,) = database.execute(
        "SELECT count(*) FROM disputed WHERE NOT (held AND waited AND lifted"
        " AND state = 'DISPATCHED')"
    ).fetchone()
    return not wrong
