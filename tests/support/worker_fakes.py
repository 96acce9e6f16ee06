"""A queue and a warehouse in memory, which can be looked into and can fail."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from threading import Lock
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from tests.support.doubles import ClientDouble
from workers.runtime.queue import MAX_BATCH, Message
from workers.warehouse.domain import Picking, StockLevel


class Killed(BaseException):
    """The process is gone: nothing that it had in mind happens any more."""


def message(body: str, group: str | None = None) -> Message:
    return Message(id=f"id of {body}", body=body, receipt=f"receipt of {body}", group=group)


class FakeQueue(ClientDouble):
    """Hands messages out as SQS does: of a group, none while another of it is in somebody's hands.

    ``then`` is called ahead of each operation with its name: it may count, raise, or do more.
    """

    name = "queue"

    def __init__(self, *messages: Message, lease: float = 30) -> None:
        self.lease = lease
        self.messages = list(messages)
        self.in_flight: list[Message] = []
        self.dead_lettered: list[tuple[str, str]] = []
        self.visibility_changes: list[tuple[str, float]] = []
        self.then: Callable[[str], object] = lambda _: None
        self._lock = Lock()
        self._receipts = count()

    @property
    def bodies(self) -> list[str]:
        """What is still on the queue, in anybody's hands or not."""
        return [message.body for message in self.messages]

    def receive(self) -> list[Message]:
        self.then("receive")
        with self._lock:
            locked = {message.group for message in self.in_flight} - {None}
            taken_ids = {message.id for message in self.in_flight}
            free = [
                message
                for message in self.messages
                if message.group not in locked and message.id not in taken_ids
            ]
            taken = [replace(m, receipt=f"{next(self._receipts)}") for m in free[:MAX_BATCH]]
            self.in_flight += taken
            return taken

    def delete(self, messages: Sequence[Message]) -> list[Message]:
        self.then("delete")
        with self._lock:
            gone = {message.id for message in messages}
            self.messages = [message for message in self.messages if message.id not in gone]
            self.in_flight = [message for message in self.in_flight if message.id not in gone]
        return []

    def set_visibility(self, messages: Sequence[Message], *, seconds: float) -> list[Message]:
        self.then("set_visibility")
        with self._lock:
            self.visibility_changes += [(message.body, seconds) for message in messages]
            if seconds != self.lease:
                back = {message.id for message in messages}
                self.in_flight = [m for m in self.in_flight if m.id not in back]
        return []

    def dead_letter(self, message: Message, *, reason: str) -> None:
        self.then("dead_letter")
        self.dead_lettered.append((message.body, reason))

    def leases_run_out(self) -> None:
        """What is in hands may be received again."""
        self.in_flight = []


class FakeWarehouse:
    """Keeps pickings and shelves; ``then`` is called ahead of each operation and behind it."""

    def __init__(self) -> None:
        self.pickings: dict[str, Picking] = {}
        self.stock_levels: dict[str, StockLevel] = {}
        self.then: Callable[[str], object] = lambda _: None

    def put_picking(self, picking: Picking) -> Picking:
        self.then("pick")
        kept = self.pickings.setdefault(picking.order_id, picking)
        self.then("picked")
        return kept

    def put_stock_level(self, stock_level: StockLevel) -> bool:
        self.then("keep")
        known = self.stock_levels.get(stock_level.sku)
        is_newer = known is None or known.sequence < stock_level.sequence
        if is_newer:
            self.stock_levels[stock_level.sku] = stock_level
        return is_newer


class FakeBus:
    """Takes events, unless it is ``full``."""

    def __init__(self) -> None:
        self.published: list[EventEnvelope[Any]] = []
        self.full = False
        self.then: Callable[[str], object] = lambda _: None

    def publish(self, events: Sequence[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        self.then("publish")
        if self.full:
            return list(events)
        self.published += events
        self.then("published")
        return []
