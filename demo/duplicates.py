"""Orders that repeat an earlier one: orders holds them, and an operator decides on each.

Now and then a customer of a real export orders the same again. The demo sends in a minute what took
a year, so all these orders come soon enough after each other to count as duplicates.
"""

import json
from collections.abc import Mapping
from sqlite3 import Connection
from typing import Any

from demo.api_client import ApiClient
from demo.database import count, insert
from demo.errors import DemoError
from demo.invariants import Check
from demo.readers import scan
from demo.screen import Note, Screen
from emulator.cloud import Cloud, RootSession
from ops.deployed import Deployed
from ops.dlq.templates import FUNCTION

JOB = "orders/JobsResolveDuplicates"
"""The scheduled function that finds duplicates."""
REASON = "DuplicateOrder"
LIFT, CANCEL = "LIFT", "CANCEL"

SCHEMA = """
CREATE TABLE duplicates (order_id TEXT PRIMARY KEY, decision TEXT, explanation TEXT);
CREATE TABLE placements (
    order_id TEXT PRIMARY KEY, placed_at TEXT, duplicate_of TEXT, hold TEXT, within INT
);
CREATE TABLE contents (order_id TEXT PRIMARY KEY, customer TEXT, content TEXT);
CREATE INDEX contents_by_content ON contents (customer, content);
CREATE VIEW invoice_contents AS SELECT order_id, customer, country || ': ' || (
        SELECT group_concat(line, ', ') FROM (
            SELECT json_extract(value, '$.quantity') || ' ' || json_extract(value, '$.sku')
                || ' at ' || json_extract(value, '$.unit_price') AS line
            FROM json_each(invoices.lines) ORDER BY line
        )
    ) AS content FROM accepted JOIN invoices ON number = invoice;
CREATE VIEW repeats AS SELECT later.order_id, earlier.order_id AS repeats
    FROM contents AS later JOIN contents AS earlier USING (customer, content)
    JOIN placements AS l ON l.order_id = later.order_id
    JOIN placements AS e ON e.order_id = earlier.order_id
    WHERE (e.placed_at, e.order_id) < (l.placed_at, l.order_id)
    AND (julianday(l.placed_at) - julianday(e.placed_at)) * 86400 <= l.within;
"""
"""The tables of the duplicates.

- `duplicates`: the orders that the operator found held as duplicates, and what was decided.
- `placements`: what orders has on record of each: when it was placed, which order it repeats, the
  state of its hold as a duplicate, and how many seconds apart orders count as alike.
- `contents`: what was ordered, of the export; `repeats`: the pairs that are alike.
"""

CHECKS = (
    Check(
        2,
        """SELECT order_id, 'repeats order ' || repeats || ', and was not noticed' FROM repeats
        JOIN orders USING (order_id) JOIN placements USING (order_id)
        WHERE state IN ('CONFIRMED', 'DISPATCHED') AND duplicate_of IS NULL
        AND order_id NOT IN (SELECT order_id FROM cancel_requests)
        AND repeats IN (SELECT order_id FROM fulfilled JOIN placements USING (order_id)
            WHERE duplicate_of IS NULL)""",
    ),
    Check(
        1,
        """SELECT order_id, 'counts as a duplicate of order ' || duplicate_of
            || ', and does not repeat it' FROM placements
        WHERE duplicate_of IS NOT NULL AND order_id IN (SELECT order_id FROM accepted)
        AND (order_id, duplicate_of) NOT IN (SELECT order_id, repeats FROM repeats)""",
    ),
    Check(
        1,
        """SELECT order_id, 'is a duplicate that the operator let go, and is ' || state
        FROM duplicates JOIN orders USING (order_id) WHERE decision = 'LIFT'
        AND state <> 'DISPATCHED' AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        2,
        """SELECT order_id, 'is a duplicate that the operator cancelled, and is ' || state
        FROM duplicates JOIN orders USING (order_id) WHERE decision = 'CANCEL'
        AND state <> 'CANCELLED' AND order_id NOT IN (SELECT order_id FROM stuck_orders)""",
    ),
    Check(
        2,
        """SELECT order_id, 'was dispatched while it was held as a duplicate' FROM placements
        JOIN orders USING (order_id) WHERE hold = 'HELD' AND state = 'DISPATCHED'""",
    ),
)
"""What holds once all work is done."""


class Duplicates:
    """Runs the job that finds duplicates, and acts as the operator who decides on them."""

    def __init__(
        self,
        cloud: Cloud,
        outputs: Mapping[str, str],
        database: Connection,
        *,
        api: ApiClient,
    ) -> None:
        """`outputs` are the outputs of the deployed stacks; `database` has the run's schema."""
        self._cloud = cloud
        self._outputs = outputs
        self._database = database
        self._api = api
        templates = Deployed(session=RootSession(cloud), environment="dev").templates()
        (self._job,) = [each.physical for each in templates.resources(FUNCTION) if each.name == JOB]
        self._published = 0

    def find(self, note: Note) -> None:
        """Run the job, as its schedule does, until it finds no more duplicates.

        Raises:
            DemoError: The job failed.
        """
        found = -1
        total = 0
        while found:
            answer = self._cloud.client("lambda").invoke(FunctionName=self._job, Payload=b"{}")
            content = json.load(answer["Payload"])
            if "FunctionError" in answer:
                raise DemoError(f"Duplicates could not be looked for: {content}")
            found = sum(content.get(outcome, 0) for outcome in ("held", "cancelled", "too_late"))
            total += found
            note(f"{total:,} found")

    def decide(self) -> None:
        """Decide on the held duplicates: by turns, lift the hold of one and cancel the next."""
        for page in scan(self._cloud.client("dynamodb"), self._outputs["OrdersTable"]):
            for row in page:
                for hold in row.get("holds", ()):
                    if (hold["reason"], hold["state"]) == (REASON, "HELD"):
                        self._decide_about(row["order_id"], hold)

    def decide_if_held(self) -> None:
        """Decide on the duplicates if a hold was published since the last call."""
        published = count(self._database, "events WHERE detail_type = 'OrderHeld'")
        if published != self._published:
            self._published = published
            self.decide()

    def _decide_about(self, order_id: str, hold: Mapping[str, Any]) -> None:
        """Decide on one duplicate of this run, once."""
        customers = self._database.execute(
            "SELECT customer FROM accepted JOIN invoices ON number = invoice WHERE order_id = ?"
            " AND order_id NOT IN (SELECT order_id FROM duplicates)",
            [order_id],
        ).fetchone()
        if not customers:
            return
        decision = CANCEL if count(self._database, "duplicates") % 2 else LIFT
        insert(self._database, "duplicates", [(order_id, decision, hold["explanation"])])
        if decision == LIFT:
            command = {"order_id": order_id, "cause": hold["cause"]}
            answer = self._cloud.client("lambda").invoke(
                FunctionName=self._outputs["LiftHoldFunction"], Payload=json.dumps(command)
            )
            if "FunctionError" in answer:
                raise DemoError(f"{order_id}'s hold was not lifted: {answer['Payload'].read()!r}")
            return
        answer = self._api.cancel(order_id, customer=customers[0])
        state = answer.body.get("state") if answer.status in (200, 202) else None
        insert(self._database, "cancel_requests", [(order_id, state)])

    def gather(self) -> None:
        """Copy the records of duplicates from orders' table."""
        lambda_ = self._cloud.client("lambda")
        configured = lambda_.get_function_configuration(FunctionName=self._job)
        within = int(configured["Environment"]["Variables"]["DUPLICATE_WINDOW_SECONDS"])
        self._database.execute("DELETE FROM placements")
        for page in scan(self._cloud.client("dynamodb"), self._outputs["OrdersTable"]):
            insert(self._database, "placements", (_placement(row, within) for row in page))
        self._database.execute("INSERT OR IGNORE INTO contents SELECT * FROM invoice_contents")


def _placement(row: Mapping[str, Any], within: int) -> tuple[Any, ...]:
    states = [hold["state"] for hold in row.get("holds", ()) if hold["reason"] == REASON]
    return (
        *(row["order_id"], row["placed_at"], row.get("duplicate_of")),
        *(states[0] if states else None, within),
    )


def show(screen: Screen, database: Connection) -> None:
    """Show how many orders repeat an earlier one, and what the operator decided."""
    found, missed = database.execute(
        "SELECT count(*), coalesce(sum(hold = 'MISSED'), 0) FROM placements"
        " JOIN accepted USING (order_id) WHERE duplicate_of IS NOT NULL"
    ).fetchone()
    if not found:
        return
    screen.title("Duplicates")
    first = database.execute(
        "SELECT explanation FROM duplicates ORDER BY order_id LIMIT 1"
    ).fetchone()
    example = f"  e.g. “{first[0]}”" if first else ""
    screen.item("repeat an order", f"{found:,}{example}")
    for decision, state, label in (
        (LIFT, "DISPATCHED", "let go by the operator"),
        (CANCEL, "CANCELLED", "cancelled"),
    ):
        decided, done = database.execute(
            "SELECT count(*), coalesce(sum(state = ?), 0) FROM duplicates"
            " JOIN orders USING (order_id) WHERE decision = ?",
            [state, decision],
        ).fetchone()
        screen.item(
            f"  {label}", f"{decided:>4,}  {screen.of(done, decided)} {state.lower()} since"
        )
    if missed:
        screen.item("  found too late", f"{missed:>4,}  dispatched before")
