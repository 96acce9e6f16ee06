"""Versions of events: releases in the middle of a run change what some services publish.

Each of these events gets a version before its present one. Both are read, and the one before is
published, as in release A of `docs/how-to/change-an-event.md`. Release B publishes the present one,
and may be undone. Other events get a field more, which no consumer knows yet.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest.mock import patch

from lambdas.contracts import (
    catalog,
    envelope,
    inventory,
    notifications,
    orders,
    payments,
    shipping,
    versions,
    warehouse,
)
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderCancelled, OrderPlaced, OrderWithdrawn
from simulation import chance as kinds
from simulation.world import World

Data = Mapping[str, Any]
SERVICES = (catalog, inventory, notifications, orders, payments, shipping, warehouse)
STARTS_SAGA = (OrderPlaced, OrderWithdrawn)
"""A state machine cannot upcast: the fields of these have the same names in both versions."""
READS, READS_BOTH = "schema_version in [1]", "schema_version in [1, 2]"
OLDER, ADDED = "former_", "added_later"
UPDATES = 600
"""Within how many seconds a release updates all stacks, one after the other."""


class Versions:
    """The versions of events in one run. At its end, all contracts are as before."""

    def __init__(self, world: World) -> None:
        self._world, self._undone = world, ExitStack()
        self._extended: set[type[Event]] = set()
        """The events that have a field more by now."""

    def __enter__(self) -> "Versions":
        return self

    def __exit__(self, *_: object) -> None:
        self._undone.close()

    def plan(self) -> None:
        """Let some seeds begin with release A of some events, and plan the releases after it."""
        chance = self._world.chance
        if chance.draw("versions change") >= 0.5 or not chance.allows("versions", kinds.VERSION):
            return
        self._undone.enter_context(patch.object(envelope, "downcast", self._published))
        for machine in self._world.machines.values():
            machine.states = _reading_both(machine.states)
        changed = list(self._changed())
        for _ in range(chance.pick("releases of events", (1, 1, 2, 3))):
            at = chance.between("release of events", 0, 5_400)
            for service in SERVICES:
                delay = at + chance.between("update of a stack", 0, UPDATES)
                own = [event for event in changed if event in service.EVENTS]
                self._world.kernel.after(delay, self._release, own)

    def _changed(self) -> Iterator[type[Event]]:
        for event in (event for service in SERVICES for event in service.EVENTS):
            change = self._world.chance.pick(f"change of {event.detail_type}", ("", "new", "more"))
            if change == "new":
                for name, value in _release_a(event).items():
                    self._undone.enter_context(patch.object(event, name, value))
            if change:
                yield event

    def _release(self, changed: Sequence[type[Event]]) -> None:
        """Update a service: it publishes the other version of its events, or a field more."""
        for event in changed:
            if event.downcasters:
                (newest,) = event.downcasters
                event.publishes = newest if event.publishes < newest else newest - 1
            else:
                self._extended ^= {event}
        if changed:
            names = ", ".join(f"{event.detail_type} {event.publishes}" for event in changed)
            self._world.chance.record("versions", kinds.VERSION, names)

    def _published(self, event: type[Event], data: Data) -> Data:
        more = {ADDED: 1} if event in self._extended else {}
        return {**versions.downcast(event, data), **more}


def _release_a(event: type[Event]) -> dict[str, Any]:
    """Return what release A changes of a contract, which then publishes the version before."""
    if event is OrderCancelled:
        return {"publishes": 1, "downcasters": {2: partial(_only, ("order_id", "customer_id"))}}
    older, newest = event.version, event.version + 1
    down, up = (_same, _same) if event in STARTS_SAGA else (_to_older, _to_newer)
    return {
        "version": newest,
        "publishes": older,
        "upcasters": {**event.upcasters, older: up},
        "downcasters": {newest: down},
    }


def _same(data: Data) -> Data:
    return data


def _only(names: Sequence[str], data: Data) -> Data:
    return {name: data[name] for name in names}


def _to_older(data: Data) -> Data:
    return {f"{OLDER}{name}": value for name, value in data.items()}


def _to_newer(data: Data) -> Data:
    return {name.removeprefix(OLDER): value for name, value in data.items()}


def _reading_both(states: Any) -> Any:
    """Return a saga's states that read both versions of the event that starts it."""
    text = json.dumps(states)
    if READS not in text:
        raise ValueError(f"no saga has {READS!r}: change Versions too")
    return json.loads(text.replace(READS, READS_BOTH))
