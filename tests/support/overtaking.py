"""Invocations that overtake one another: the second runs whole at a request of the first.

Whatever the moment is, the two must leave what they leave one after the other, in either order.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from operator import attrgetter
from typing import Any
from unittest.mock import patch

from simulation.kernel import Process
from tests.support.abuse_platform import AbusedPlatform, gateway_event
from tests.support.in_process import InProcess
from tests.support.in_process_consumers import Consumer
from tests.support.source_records import wrapped
from tests.support.used_rights import rights_of

READS = ("GetItem", "Query", "BatchGetItem", "Scan", "ConditionCheckItem")
SECRET = "lambdas.notifications.contact_change.token_urlsafe"
"""Where the token of a link is drawn: here it is the invocation's name."""
CLAIM = re.compile(r'(?<="claim": \{"S": ")[^"]*')
"""The number by which a sender of mails knows its own claim: each draws another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One invocation of a function or worker."""

    name: str
    run: Callable[[], Any]
    """Invokes it within the present process, and returns the answer or the error's name."""


@dataclass(frozen=True, slots=True)
class Result:
    """What two invocations have answered, stored and sent."""

    answers: tuple[str, str]
    stored: str
    sent: frozenset[str]
    """Each message and call, once: what is sent twice is the same message, or the same call."""


class Overtaking:
    """Runs invocations in a platform, from the state that it saved last."""

    def __init__(self, here: InProcess, *, without_rows: bool = False) -> None:
        """``here`` has to be installed."""
        self._here = here
        self._without_rows = without_rows

    def tables(self, step: Step) -> tuple[set[str], set[str]]:
        """Return the tables that an invocation uses, and those of them that it would write."""
        used, written = set[str](), set[str]()

        def note(service: str, operation: str, request: Mapping[str, Any]) -> None:
            for right, name in rights_of(service, operation, request):
                if right.startswith("dynamodb:"):
                    table = name.partition("/index/")[0]
                    used.add(table)
                    if right.partition(":")[2] not in READS:
                        written.add(table)

        self._execute(lambda: (step.run(), None), note)
        return used, written

    def one_after_the_other(self, first: Step, second: Step) -> list[Result]:
        """Return what the two leave in this order, and in the other."""
        return [
            self._execute(lambda: (first.run(), second.run())),
            self._execute(lambda: (second.run(), first.run())[::-1]),
        ]

    def overtaken(self, first: Step, second: Step) -> Iterator[tuple[str, Result]]:
        """Yield each request of ``first``, and what is left if ``second`` runs before it."""
        for moment in count():
            overtake = _Overtake(moment, second)
            result = self._execute(lambda: (first.run(), *overtake.answers), overtake)  # noqa: B023
            if not overtake.answers:
                return
            yield f"{moment} ({overtake.last})", result

    def _execute(
        self,
        work: Callable[[], tuple[Any, ...]],
        before_request: Callable[[str, str, Any], None] = lambda *_: None,
    ) -> Result:
        here, answers, calls = self._here, list[Any](), list[Any]()

        def note(service: str, operation: str, request: Any) -> None:
            if operation == "invoke":
                calls.append([request["FunctionName"], str(request["Payload"])])
            before_request(service, operation, request)

        here.restore(without_rows=self._without_rows)
        here.before_request = note
        process = Process("overtaking", lambda: answers.extend(work()), settings={}, skew=0.0)
        here.kernel.start(process)
        here.kernel.run(until=here.kernel.now + 900, stop=lambda: bool(answers))
        here.before_request = lambda *_: None
        trace = here.trace()
        sent = frozenset(map(_text, [*trace.sent, *calls]))
        return Result((_text(answers[0]), _text(answers[-1])), _text(trace.tables), sent)


class _Overtake:
    """Runs an invocation once, at a moment of another one: before its request of this number.

    Before a query after a query it does not: jobs make hundreds, and most find nothing.
    """

    def __init__(self, moment: int, step: Step) -> None:
        self._left = moment
        self._step = step
        self.last = ""
        self.answers: list[Any] = []

    def __call__(self, service: str, operation: str, request: Any) -> None:
        if self._left < 0 or operation == self.last == "query":
            return
        self.last = operation
        self._left -= 1
        if self._left < 0:
            self.answers.append(self._step.run())


def _text(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=repr)
    return CLAIM.sub("<claim>", text)


def differences(
    overtaking: Overtaking,
    first: Step,
    second: Step,
    *,
    of: Sequence[str] = ("answers", "stored", "sent"),
) -> list[str]:
    """Return the requests of ``first`` at which ``second`` leads to what no order leads to."""
    looked_at = attrgetter(*of)
    expected = [looked_at(each) for each in overtaking.one_after_the_other(first, second)]
    return [
        at
        for at, result in overtaking.overtaken(first, second)
        if looked_at(result) not in expected
    ]


def step(here: InProcess, short: str, event: Any, name: str = "") -> Step:
    """Return an invocation of the function of a handler's module."""
    function = next(each for each in here.functions.values() if each.short == short)

    def run() -> Any:
        with patch(SECRET, return_value=name or short):
            answer = here._call_function(function, json.dumps(event))
        return json.loads(answer["Payload"].read())

    return Step(name=name or short, run=run)


def delivered(platform: AbusedPlatform) -> Iterator[Step]:
    """Yield the deliveries that the platform's consumers have had, as invocations."""
    for name, contents in platform.consumers.delivered.items():
        consumer = platform.consumers.named(name)
        for number, content in enumerate(contents):
            yield _delivery(platform.here, consumer, content, f"{name} {number}")


def _delivery(here: InProcess, consumer: Consumer, content: Any, name: str) -> Step:
    event = wrapped(consumer.kind, [content])
    if consumer.name.startswith("workers."):
        return Step(name=name, run=lambda: consumer.invoke(event).payload)
    return step(here, consumer.name, event, name)


def requested(platform: AbusedPlatform, route: str, name: str = "", **parts: Any) -> Step:
    """Return a request to a route."""
    short = platform.here.functions[platform.routes[route]].short
    return step(platform.here, short, gateway_event(**parts), name or route)
