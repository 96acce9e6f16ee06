"""The map of one service: its resources from left to right, with their connections to others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ops.console.layered import columns
from ops.console.saga_picture import in_words
from ops.console.wiring import KINDS, RULE, Wire, Wiring
from ops.dlq.templates import Resource
from stacks.names import service_of

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 152, 44, 42, 12, 10
MAX_LETTERS = 18
MAX_WIDTH, SMALLEST = 1180, 0.8
"""What has room on the page, and how small a wider map is drawn, so that it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A resource on a service's map. A resource of another service may be there twice."""

    thing: Resource
    x: int
    y: int
    is_own: bool
    text: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMap:
    """The map of one service."""

    scale: float

    width: int
    height: int
    nodes: Sequence[Node]
    lines: Sequence[tuple[str, str, str]]
    """The SVG path of each line, its style, and its text."""


Key = tuple[Resource, str]
"""A thing, and on which side it is drawn: what is of others both gives and takes."""


def service_map(wiring: Wiring, service: str) -> ServiceMap:
    """Return the map of a service."""
    wires = [w for w in wiring.wires if service in (owner(w.source), owner(w.target))]
    ends = [(_key(w.source, service, "from"), _key(w.target, service, "to")) for w in wires]
    own = [(each, "") for each in wiring.things if owner(each) == service]
    nodes: list[Key] = list(dict.fromkeys((*(key for pair in ends for key in pair), *own)))
    # A resource that is only read passes nothing on, so reads do not determine the columns.
    given = [end for end, wire in zip(ends, wires, strict=True) if not wire.how.startswith("is ")]
    placed = columns(nodes, given)
    tallest = max(map(len, placed), default=1)
    at: dict[Key, Node] = {}
    for number, column in enumerate(placed):
        top = (tallest - len(column)) * (HEIGHT + GAP_Y) // 2
        for row, key in enumerate(column):
            x = MARGIN + number * (WIDTH + GAP_X)
            at[key] = _node(key, x, MARGIN + top + row * (HEIGHT + GAP_Y), service)
    width = 2 * MARGIN + len(placed) * (WIDTH + GAP_X) - GAP_X
    return ServiceMap(
        scale=max(min(1.0, MAX_WIDTH / width), SMALLEST),
        width=width,
        height=2 * MARGIN + tallest * (HEIGHT + GAP_Y) - GAP_Y,
        nodes=list(at.values()),
        lines=list(_lines(at, ends, wires)),
    )


def owner(thing: Resource) -> str:
    """Return the service that a resource belongs to."""
    return service_of(thing.stack)


def events_of(rule: Resource) -> Sequence[str]:
    """Return the event types that a rule matches; none if its pattern names no types."""
    found = rule.properties.get("EventPattern", {}).get("detail-type", ())
    return [each for each in found if isinstance(each, str)]


def _key(thing: Resource, service: str, side: str) -> Key:
    return thing, ("" if owner(thing) == service else side)


def _node(key: Key, x: int, y: int, service: str) -> Node:
    thing, _ = key
    name, note = thing.name.rpartition("/")[2], KINDS[thing.kind]
    events = events_of(thing) if thing.kind == RULE else ()
    if events:
        name, note = events[0], f"rule, {len(events)} events" if len(events) > 1 else note
    if owner(thing) != service:
        note = f"{note} of {owner(thing)}"
    text = " ".join(in_words(name))
    return Node(
        thing=thing,
        x=x,
        y=y,
        is_own=owner(thing) == service,
        text=text if len(text) <= MAX_LETTERS else f"{text[: MAX_LETTERS - 1].rstrip()}…",
        note=note,
    )


def _lines(
    at: dict[Key, Node], ends: Sequence[tuple[Key, Key]], wires: Sequence[Wire]
) -> Iterator[tuple[str, str, str]]:
    for (a, b), wire in zip(ends, wires, strict=True):
        start, end = at[a], at[b]
        x1, x2 = start.x + WIDTH, end.x - 5
        if end.x < start.x:
            x1, x2 = start.x, end.x + WIDTH + 5
        elif end.x == start.x:
            x2 = end.x + WIDTH + 5
        y1, y2 = start.y + HEIGHT // 2, end.y + HEIGHT // 2
        half = (x1 + x2) // 2 if end.x != start.x else x1 + GAP_X // 2
        way = f"M{x1} {y1} C{half} {y1} {half} {y2} {x2} {y2}"
        look = "read" if wire.how.startswith("is ") else "call"
        yield way, look, f"{wire.source.name} {wire.how} {wire.target.name}"
