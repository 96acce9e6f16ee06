"""A sink's contents and a consumer, which can be interrupted at any point."""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ops.dlq.decode import RawMessage
from ops.dlq.executor import ActionFailedError
from ops.dlq.plan import Action, Invoke
from ops.dlq.readers import Depth
from tests.unit.ops.dead_letter_samples import AT


class Interrupted(KeyboardInterrupt):
    """The operator has had enough."""


@dataclass
class Fuse:
    """Breaks at its nth step, or never."""

    at: int = 0
    steps: int = 0

    def burn(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Interrupted


@dataclass
class FakeSinkReader:
    """Holds messages; a group's eleventh waits until one of the ten before it is gone."""

    messages: list[RawMessage]
    fuse: Fuse = field(default_factory=Fuse)
    in_flight: set[str] = field(default_factory=set)
    began: datetime = AT + timedelta(hours=1)

    def depth(self) -> Depth:
        there, in_flight = len(self.messages), len(self.in_flight)
        return Depth(visible=there - in_flight, in_flight=in_flight, measured_at=self.began)

    def lease_messages(self) -> Generator[RawMessage, None, None]:
        try:
            while batch := self._receive():
                for message in batch:
                    self.fuse.burn()
                    yield message
        finally:
            self.in_flight.clear()

    def delete(self, message: RawMessage) -> None:
        self.fuse.burn()
        self.messages.remove(message)
        self.fuse.burn()

    def _receive(self) -> list[RawMessage]:
        busy = {m.group_id for m in self.messages if m.id in self.in_flight and m.group_id}
        free = [m for m in self.messages if m.id not in self.in_flight and m.group_id not in busy]
        self.in_flight |= {m.id for m in free[:10]}
        return free[:10]

    @property
    def ids(self) -> list[str]:
        return [message.id for message in self.messages]


@dataclass
class FakeConsumer:
    """Gets what is moved; fails on some, and knows what it has had before."""

    fails_on: set[str] = field(default_factory=set)
    fuse: Fuse = field(default_factory=Fuse)
    got: list[str] = field(default_factory=list)

    def execute(self, action: Action) -> None:
        assert isinstance(action, Invoke)
        name = action.payload["id"]
        self.fuse.burn()
        if name in self.fails_on:
            raise ActionFailedError("it failed again")
        self.got.append(name)
        self.fuse.burn()

    @property
    def effects(self) -> list[str]:
        """What came of it: it is idempotent."""
        return list(dict.fromkeys(self.got))
