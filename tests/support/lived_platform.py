"""The platform in one process, which keeps each invocation with the state before it.

So an invocation can be repeated on an edited row.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from lambdas.runtime import metrics
from simulation.functions import Outcome
from tests.support.abuse_platform import templates
from tests.support.in_process import InProcess
from tests.support.in_process_consumers import Consumer
from tests.support.source_records import wrapped

ROUTE, COMMAND, SAGA = "route", "command", "saga"
"""The kinds of what is no consumer: requests of the API, calls of sagas and operators, and the
executions of sagas.
"""
WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")
Item = Mapping[str, Any]
"""A row as DynamoDB's JSON."""
Key = tuple[str, tuple[tuple[str, str], ...]]
"""A table, and the key of a row: names of columns with their values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """An invocation, and the state of the platform before it."""

    reader: str
    """The function's module, or the worker."""
    kind: str
    content: Any
    """The event, or what one record of a batch has."""
    invoke: Callable[[Any], Outcome]
    state: Any
    consumer: Consumer | None = None
    touched: frozenset[Key] = frozenset()
    """The rows that it read or wrote, and that were there before."""
    wrote: frozenset[Key] = frozenset()
    """The rows that it wrote."""

    @property
    def name(self) -> str:
        """Who was invoked, and with what, for messages."""
        return f"{self.reader} {self.kind} {self.event}".rstrip()

    @property
    def event(self) -> str:
        """The type of the event, if it is one."""
        content = self.content if isinstance(self.content, Mapping) else {}
        return str(content.get("detail-type") or content.get("detail_type") or "")


class LivedPlatform(InProcess):
    """The platform, which notes what functions read, log and count."""

    def __init__(self) -> None:
        super().__init__(templates(), sender="orders@shop.example")
        self.lines: list[str] = []
        """What functions have logged and counted."""
        self.plays: list[Play] = []
        self.are_kept = True
        """Whether further invocations are kept."""
        self._touched: set[Key] = set()
        self._wrote: set[Key] = set()
        self._perform = self.tables.perform
        self.tables.perform = self._noted  # type: ignore[method-assign]

    def log(self, line: str) -> None:
        """Keep a line of a function's log."""
        self.lines.append(line)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Make the platform's code use this cloud, and keep its metrics, too."""
        with super().installed(), patch.object(metrics, "print", self._print):
            yield

    def _print(self, line: str, **_: Any) -> None:
        self.lines.append(line)

    def state(self) -> Any:
        """Return the present state, for ``load``."""
        return self.tables.save(), dict(self._objects), self.kernel.now

    def load(self, state: Any) -> None:
        """Make the state what it was."""
        self._saved = state
        self.restore()
        self.tables._changes.clear()
        self.lines.clear()

    def edit(self, table: str, item: Item) -> bool:
        """Put an edited row in the place of the one with its key; False if DynamoDB refuses it."""
        answer = self._perform("put_item", {"TableName": table, "Item": item})
        self.changes.clear()
        return not isinstance(answer, Exception)

    def keeping(self, play: Play) -> Callable[[Outcome], None]:
        """Begin an invocation; what is returned keeps it when it has ended.

        It is kept twice: with the state before it, and with that after it, for a repetition.
        """
        before = self.state()
        self._touched.clear()
        self._wrote.clear()

        def keep(_: Outcome) -> None:
            if not self.are_kept:
                return
            present = frozenset(key for key in self._touched if self.row(key, before))
            kept = replace(play, wrote=frozenset(self._wrote))
            self.plays.append(replace(kept, state=before, touched=present))
            self.plays.append(replace(kept, state=self.state(), touched=frozenset(self._touched)))

        return keep

    def play(
        self,
        reader: str,
        kind: str,
        content: Any,
        *,
        consumer: Consumer | None = None,
    ) -> Outcome:
        """Invoke a function or worker, and keep the invocation."""

        def invoke(event: Any) -> Outcome:
            return consumer.invoke(event) if consumer else self.call_function(reader, event)

        kept = deepcopy(content)
        keep = self.keeping(
            Play(
                reader=reader,
                kind=kind,
                content=kept,
                invoke=invoke,
                state=None,
                consumer=consumer,
            )
        )
        outcome = invoke(wrapped(kind, [content]))
        keep(outcome)
        return outcome

    def row(self, key: Key, state: Any) -> Item | None:
        """Return a row of a kept state."""
        table, values = key
        for by in state[0].get(table, {}).values():
            for item in by.values():
                if all(item.get(name) == {"S": value} for name, value in values):
                    found: Item = item
                    return found
        return None

    def _noted(self, operation: str, request: Mapping[str, Any]) -> Any:
        answer = self._perform(operation, request)
        for table, item in _items(request, answer):
            names = self.keys[table]
            if all(set(item.get(name, ())) == {"S"} for name in names):
                key = (table, tuple((name, item[name]["S"]) for name in names))
                self._touched.add(key)
                if operation in WRITES:
                    self._wrote.add(key)
        return answer


def _items(request: Mapping[str, Any], answer: Any) -> Iterator[tuple[str, Item]]:
    """Yield the rows that a request or its answer names, each with its table."""
    for each in request.get("TransactItems", ()):
        ((_, one),) = each.items()
        yield one["TableName"], one.get("Item") or one["Key"]
    for table, asked in request.get("RequestItems", {}).items():
        yield from ((table, key) for key in asked["Keys"])
    if "TableName" in request:
        table = request["TableName"]
        yield from ((table, request[name]) for name in ("Key", "Item") if name in request)
        if isinstance(answer, Mapping):
            yield from ((table, item) for item in answer.get("Items", ()))
