"""An invocation that is overtaken: at one of its requests, another one runs from start to end."""

import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from unittest.mock import patch

from botocore.config import Config

from simulation.functions import Outcome
from tests.support.lived_platform import COMMAND, ROUTE, LivedPlatform, Play
from tests.support.source_records import SCHEDULE, wrapped

ATTEMPTS = 3
"""How often an invocation that fails is tried, as its source does."""
TIME = re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)|\b[12]\d{9}\b")
"""What depends on when something runs."""


@dataclass(frozen=True, slots=True)
class End:
    """What two invocations leave when both have ended, without times."""

    answers: str
    """To those who waited for an answer."""
    rows: str
    """Those that were written or deleted, and the ledger's."""
    sent: frozenset[str]
    """What was sent to other services and functions, however it was batched. A repetition counts
    once.
    """

    def differences(self, other: "End") -> set[str]:
        """Return the names of the attributes that differ."""
        names = (each.name for each in fields(self))
        return {name for name in names if getattr(self, name) != getattr(other, name)}


class Overtaken:
    """An invocation of a function, and another one that overtakes it."""

    def __init__(self, here: LivedPlatform, first: Play, second: Play) -> None:
        """Both begin in the state that was there before ``first``; ``here`` is installed."""
        self._here, self._plays = here, (first, second)
        self._function = next(f for f in here.functions.values() if f.short == second.reader)
        self._call = here.call
        self._requests: list[str] = []
        """Those of the first one, so far."""
        self._calls: list[tuple[str, str, Any]] = []
        """Of functions by functions."""
        self._at: int | None = 0
        self._outcome: Outcome | None = None
        """That of the second one, once it has overtaken."""
        self._may_overtake = self._is_second = False
        """Whether the first one runs for the first time, and whether the second one runs."""

    def wrong_at(self, most: int) -> Iterator[tuple[str, set[str]]]:
        """Yield the requests at which the second one must not overtake, and what is wrong then.

        What comes of it is as if neither had come after the other: the names are of attributes of
        ``End``. The second one comes before the first if it runs before its first request. Those
        tried are evenly spread, and so many that the first one makes some ``most`` requests
        altogether.
        """
        serial = [self._end(0), self._end(None)]
        requests = self._requests
        step = -(-(len(requests) ** 2) // most) or 1
        for at in range(1, len(requests), step):
            end = self._end(at)
            if wrong := min((end.differences(each) for each in serial), key=len):
                yield f"{requests[at]} ({at + 1} of {len(requests)})", wrong

    def _end(self, at: int | None) -> End:
        """Overtake at a request of the first one, counted from 0; if it is None, after all."""
        here = self._here
        here.load(self._plays[0].state)
        self._requests, self._calls, self._at, self._outcome = [], [], at, None
        with (
            patch.object(os, "urandom", self._draw),
            patch.object(secrets, "token_bytes", self._draw),
            patch.object(here, "call", self._overtaken_call),
        ):
            self._may_overtake = True
            outcomes = [self._invoke(0)]
            self._may_overtake = False
            outcomes.append(self._outcome or self._invoke(1))
            outcomes = [self._repeated(i, outcome) for i, outcome in enumerate(outcomes)]
            for i, play in enumerate(self._plays):
                if play.kind == SCHEDULE:
                    self._repeated(i, self._invoke(i))
        answers = zip(self._plays, outcomes, strict=True)
        return End(
            _normal(
                [outcome.payload for play, outcome in answers if play.kind in (ROUTE, COMMAND)]
            ),
            _normal([_changed(self._plays[0].state[0], here.tables.save()), here.trace().ledger]),
            frozenset(map(_normal, _messages([*here.sent, *self._calls]))),
        )

    def _repeated(self, number: int, outcome: Outcome) -> Outcome:
        for _ in range(1, ATTEMPTS):
            if _failed(self._plays[number], outcome):
                outcome = self._invoke(number)
        return outcome

    def _invoke(self, number: int) -> Outcome:
        play = self._plays[number]
        self._is_second = number == 1
        return self._here.call_function(play.reader, wrapped(play.kind, [play.content]))

    def _overtaken_call(
        self, service: str, operation: str, request: dict[str, Any], config: Config
    ) -> Any:
        if self._may_overtake and not self._is_second:
            if len(self._requests) == self._at:
                self._is_second = True
                event = wrapped(self._plays[1].kind, [self._plays[1].content])
                self._outcome = self._here.invoke_within(self._function, event)
                self._is_second = False
            self._requests.append(f"{service}.{operation}")
        if operation == "invoke":
            self._calls.append(("lambda", operation, dict(request)))
        return self._call(service, operation, request, config)

    def _draw(self, length: int) -> bytes:
        """Return bytes that depend on who draws, and not on how often."""
        return bytes([1 + self._is_second]) * length


def _failed(play: Play, outcome: Outcome) -> bool:
    if outcome.error:
        return True
    if play.kind == ROUTE:
        return bool(outcome.payload["statusCode"] >= 500)
    return isinstance(outcome.payload, dict) and bool(outcome.payload.get("batchItemFailures"))


def _changed(before: Any, after: Any) -> list[Any]:
    """Return the rows that were written, and the keys of those that were deleted."""
    return [
        [table, key, sort_key, by.get(sort_key)]
        for table, items in after.items()
        for key in sorted({*items, *before[table]})
        if (by := items.get(key, {})) != (had := before[table].get(key, {}))
        for sort_key in sorted({*by, *had})
        if by.get(sort_key) != had.get(sort_key)
    ]


def _messages(sent: Sequence[tuple[str, str, Any]]) -> Iterator[Any]:
    for _, operation, request in sent:
        batch = request.get("Entries") or request.get("PublishBatchRequestEntries") or [request]
        yield from ([operation, {**each, "Id": None}] for each in batch)


def _normal(found: Any) -> str:
    return TIME.sub("<time>", json.dumps(found, sort_keys=True, default=_text))


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)
