"""A place's contents and a consumer, which can be cut off at any point."""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ops.holding import Depth
from ops.moving import NotDoneError
from ops.records import Message
from ops.redriving import Action, Call
from tests.unit.ops.parking import AT


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
class FakeHolder:
    """Holds messages; a group's eleventh waits until one of the ten before it is gone."""

    messages: list[Message]
    fuse: Fuse = field(default_factory=Fuse)
    held: set[str] = field(default_factory=set)
    began: datetime = AT + timedelta(hours=1)

    def depth(self) -> Depth:
        there, held = len(self.messages), len(self.held)
        return Depth(there=there - held, held=held, at=self.began)

    def taking(self) -> Generator[Message, None, None]:
        try:
            while batch := self._receive():
                for message in batch:
                    self.fuse.burn()
                    yield message
        finally:
            self.held.clear()

    def delete(self, message: Message) -> None:
        self.fuse.burn()
        self.messages.remove(message)
        self.fuse.burn()

    def _receive(self) -> list[Message]:
        busy = {m.group for m in self.messages if m.id in self.held and m.group}
        free = [m for m in self.messages if m.id not in self.held and m.group not in busy]
        self.held |= {m.id for m in free[:10]}
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

    def do(self, action: Action) -> None:
        assert isinstance(action, Call)
        name = action.payload["id"]
        self.fuse.burn()
        if name in self.fails_on:
            raise NotDoneError("it failed again")
        self.got.append(name)
        self.fuse.burn()

    @property
    def effects(self) -> list[str]:
        """What came of it: it is idempotent."""
        return list(dict.fromkeys(self.got))
