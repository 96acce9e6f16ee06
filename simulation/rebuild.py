"""A rebuild of the views from the archive: the rebuilt ones have to equal the live ones.

The code that writes them is that of `python -m ops view rebuild`. What it reads is here in another
order than it was published in, as AWS's archive does not keep it.
"""

import json
from functools import partial
from typing import Any

from lambdas.contracts.codec import ContractError
from lambdas.runtime.aws import client
from ops.views.registry import VIEWS, View
from simulation.bus import Event
from simulation.invariants import BrokenPromiseError
from simulation.kernel import Process
from simulation.world import World

BATCH = 10
"""How many messages of a replay are written at once."""
DURATION = 3_600
"""Seconds within which a rebuild ends."""


class Archive:
    """All events that the bus took."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._events: list[Event] = []
        world.event_checks.append(self._events.append)

    def at_the_end(self) -> None:
        """Rebuild the views that are made of the order stream, and compare them."""
        draw = self._world.chance.draw
        events = sorted(self._events, key=lambda _: draw("order of the replay"))
        for name in ("timelines", "orders", "sales"):
            self._check(VIEWS[name], events)

    def _check(self, view: View, events: list[Event]) -> None:
        blue, green = (n for n in self._world.table_names if f"-Storefront.{view.name}" in n)
        live, idle = (blue, green) if self._rows(blue) else (green, blue)
        work = partial(self._rebuild, view, idle, events)
        self._world.kernel.start(Process("rebuild", work))
        self._world.kernel.run(until=self._world.kernel.now + DURATION)
        if differing := self._rows(live) ^ self._rows(idle):
            raise BrokenPromiseError(6, f"{view.name} and its rebuild differ: {differing}")

    def _rebuild(self, view: View, table: str, events: list[Event]) -> None:
        project = view.projector(table, client("dynamodb"))
        known = list(filter(None, map(partial(_parsed, view), events)))
        for at in range(0, len(known), BATCH):
            project(known[at : at + BATCH])

    def _rows(self, table: str) -> set[str]:
        rows = self._world.tables.rows(table)
        return {json.dumps(row, sort_keys=True) for row in rows}


def _parsed(view: View, event: Event) -> Any:
    """Return an event as the view reads it; None for one that its function has dead-lettered."""
    try:
        return view.parse(event)
    except ContractError:
        return None
