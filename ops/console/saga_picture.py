"""A picture of a saga: its actions from left to right, and its compensations below, right to left.

Both rows are derived from the definition. The first row is the path from the start state to
success. The second row is the path that most of the first row's states take when they fail. It runs
right to left, so that each compensation is below its action. If it is longer than the first row,
its rest continues in the row below, and is shown only if the execution entered it. Other states are
also shown only if they were entered.
"""

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ops.orders.executions import RUNNING, Execution, ExecutionStep

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 134, 50, 24, 44, 12
"""The measures of a state and of the space between two, in pixels."""
MAX_LETTERS = 15
"""How many letters have room on a line of a state."""

States = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A state in the picture."""

    name: str
    lines: Sequence[str]
    """Its name in words, on one line or two."""
    x: int
    y: int
    look: str
    """How it is drawn: idle, done, failed, deferred or active."""
    note: str = ""
    """How long it took, and how many attempts it needed."""
    title: str = ""
    """Its error, or what else there is to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A transition from one state to another."""

    path: str
    """The line's SVG path."""
    taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The picture of a saga, with the states that an execution entered."""

    width: int
    height: int
    boxes: Sequence[Box]
    lines: Sequence[Line]
    hidden: int
    """The number of states that are not drawn, because they were not entered."""
    way: Sequence[str]
    """The states that were entered, in this order."""


def picture_of(definition: Mapping[str, Any], execution: Execution) -> Picture:
    """Return the picture of an execution of a machine with this definition."""
    states: States = definition["States"]
    way = [name for name in execution.entered if name in states]
    first = _longest(states, definition["StartAt"])
    second = _second_row(states, first)
    columns = len(first)
    places = {name: (i, 0) for i, name in enumerate(first)}
    if not {*second[columns:]} & {*way}:
        second = second[:columns]
    places |= {name: _back(i, columns) for i, name in enumerate(second)}
    _place_others(places, way)
    steps = {step.name: step for step in execution.steps}
    boxes = [
        _box(name, place, steps.get(name), execution, entered=name in way)
        for name, place in places.items()
    ]
    at = {box.name: box for box in boxes}
    taken = set(pairwise(way))
    drawn = {*pairwise(first), *pairwise(second), *taken}
    lines = [
        Line(path=_path(at[a], at[b]), taken=(a, b) in taken)
        for a, b in sorted(drawn, key=lambda pair: pair in taken)
        if a != b
    ]
    rows = 1 + max(row for _, row in places.values())
    return Picture(
        width=2 * MARGIN + columns * (WIDTH + GAP_X) - GAP_X,
        # A line may also go around a state below the last row.
        height=2 * MARGIN + rows * (HEIGHT + GAP_Y) - (GAP_Y if rows == 1 else GAP_Y // 2),
        boxes=boxes,
        lines=lines,
        hidden=len(states) - len(places),
        way=way,
    )


def _back(number: int, columns: int) -> tuple[int, int]:
    """Return column and row of a state of the second row, which runs right to left."""
    row, column = divmod(number, columns)
    return (columns - 1 - column if row % 2 == 0 else column), 1 + row


def _longest(states: States, start: str, seen: frozenset[str] = frozenset()) -> list[str]:
    """Return the longest path from a state to success; empty if there is none."""
    state = states[start]
    if state["Type"] == "Succeed" or state.get("End"):
        return [start]
    if state["Type"] == "Fail":
        return []
    ways = [_longest(states, name, seen | {start}) for name in _next(state) if name not in {*seen}]
    longest = max(ways, key=len, default=[])
    return [start, *longest] if longest else []


def _next(state: Mapping[str, Any]) -> Iterator[str]:
    """Yield the states that may follow without an error."""
    names = (state.get("Next"), state.get("Default"))
    yield from filter(None, (*names, *(choice.get("Next") for choice in state.get("Choices", ()))))


def _second_row(states: States, first: Sequence[str]) -> list[str]:
    """Return the path that most of the first row's states take when they fail.

    It starts one state before the first call, so that each compensation is below its action. A path
    of only two states is left out: that is an exit, such as a deferral.
    """
    caught = Counter(
        name for each in first for name in {c["Next"] for c in states[each].get("Catch", ())}
    )
    ways = {name: _longest(states, name) for name in sorted({*caught} - {*first})}
    rows = [way for way in ways.values() if len(way) > 2 and not {*way} & {*first}]
    row = max(rows, key=lambda way: caught[way[0]], default=[])
    calls = (i for i, name in enumerate(row) if "lambda:invoke" in states[name].get("Resource", ""))
    return row[max(0, next(calls, 0) - 1) :]


def _place_others(places: dict[str, tuple[int, int]], way: Sequence[str]) -> None:
    """Place each other state that was entered below the state that came before it."""
    below = 1 + max(row for _, row in places.values())
    columns = range(1 + max(column for column, _ in places.values()))
    column, count = 0, 0
    for name in way:
        if name not in places:
            row = below + count // len(columns)
            used = {other for other, at in places.values() if at == row}
            free = min({*columns} - used, key=lambda each: (abs(each - column), each))
            places[name] = (free, row)
            count += 1
        column = places[name][0]


def _box(
    name: str,
    place: tuple[int, int],
    step: ExecutionStep | None,
    execution: Execution,
    *,
    entered: bool,
) -> Box:
    column, row = place
    look, note, title = ("done" if entered else "idle"), "", ""
    if step is not None:
        look = "failed" if step.error else "done"
        if step.ended is None:
            look = "active" if execution.status == RUNNING else "failed"
        else:
            note = _duration((step.ended - step.began).total_seconds())
        title = step.outcome
        if step.attempts > 1:
            note = f"{note} · {step.attempts} tries".removeprefix(" · ")
    if entered and name.startswith(("Defer", "LeftToSchedule")):
        look = "deferred"
    return Box(
        name=name,
        lines=in_words(name),
        x=MARGIN + column * (WIDTH + GAP_X),
        y=MARGIN + row * (HEIGHT + GAP_Y),
        look=look,
        note=note,
        title=title,
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{1000 * seconds:.0f} ms"


def in_words(name: str) -> list[str]:
    """Split a name such as ``ReserveStock`` into words, and into lines if it is long."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).capitalize()
    return textwrap.wrap(words, MAX_LETTERS)


def _path(a: Box, b: Box) -> str:
    """Return an SVG path: a curve between the sides of two boxes, or between bottom and top."""
    if a.y == b.y and abs(a.x - b.x) == WIDTH + GAP_X:
        forward = b.x > a.x
        start, end = (a.x + WIDTH, b.x - 5) if forward else (a.x, b.x + WIDTH + 5)
        y = a.y + HEIGHT // 2
        return f"M{start} {y} H{end}"
    middle_a, middle_b = a.x + WIDTH // 2, b.x + WIDTH // 2
    if a.y == b.y:
        bottom = a.y + HEIGHT
        low = bottom + GAP_Y // 2
        return f"M{middle_a} {bottom} C{middle_a} {low} {middle_b} {low} {middle_b} {bottom + 5}"
    start, end = (a.y + HEIGHT, b.y - 5) if b.y > a.y else (a.y, b.y + HEIGHT + 5)
    half = (start + end) // 2
    return f"M{middle_a} {start} C{middle_a} {half} {middle_b} {half} {middle_b} {end}"
