"""The map of all services: those that an order passes through above the bus, the others below."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from ops.console.service_map import events_of, owner
from ops.console.wiring import API, BUS, KINDS, RULE, STREAM, WORKERS, Wiring
from ops.deployed import OperationError
from ops.dlq.templates import FUNCTION, MACHINE, Resource

WIDTH, HEIGHT, GAP, MARGIN, TOP = 138, 68, 26, 14, 62
BUS_Y, ROW_GAP, BAR = 60, 150, 26
BOW = 42
"""How far a line between two services of a row may lead away from it."""
ENTRANCE = "POST /orders"
UNFINISHED = "the map is drawn around it: finish the deployment. The other pages work without it"
WAY = ("OrderPlaced", "OrderConfirmed", "OrderPicked", "ShipmentDispatched", "OrderDispatched")
"""The events of an order without a failure, in this order."""

Line = tuple[str, str, str, str]
"""The SVG path of a line, its style, its text, and its name, such as ``orders>bus``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A service on the map."""

    service: str
    x: int
    y: int
    text: str
    """What it consists of."""
    routes: int
    rules: int
    """How many rules of its own take events from the bus."""
    publishes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The event bus or the order stream on the map."""

    thing: Resource
    x: int
    y: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The map of all services."""

    width: int
    height: int
    cards: Sequence[Card]
    bars: Sequence[Bar]
    lines: Sequence[Line]


def overview(wiring: Wiring) -> Overview:
    """Return the map of all services.

    Raises:
        OperationError: what the map is drawn around is not deployed.
    """
    bus = main_bus(wiring)
    if bus is None:
        raise OperationError(f"no event bus is deployed, and {UNFINISHED}")
    if not any(each.how == ENTRANCE for each in wiring.wires):
        raise OperationError(f"the HTTP API does not have {ENTRANCE}, and {UNFINISHED}")
    backbone = owner(bus)
    calls = _calls(wiring, {backbone})
    rules = _rules(wiring, bus)
    above = _above(wiring, calls, rules)
    services = list(dict.fromkeys(map(owner, wiring.things)))
    below = [each for each in services if each not in (*above, backbone)]
    below = _under_partners(above, below, calls)
    count = max(len(above), len(below))
    places = {name: (i, 0) for i, name in enumerate(above)} | below_places(below)
    top = TOP + HEIGHT + ROW_GAP
    cards = {
        name: Card(
            service=name,
            x=MARGIN + column * (WIDTH + GAP),
            y=TOP if row == 0 else top,
            text=_parts(wiring, name),
            routes=sum(w.source.kind == API and owner(w.target) == name for w in wiring.wires),
            rules=len(rules.get(name, ())),
            publishes=any(w.target == bus and owner(w.source) == name for w in wiring.wires),
        )
        for name, (column, row) in places.items()
    }
    width = 2 * MARGIN + count * (WIDTH + GAP) - GAP
    bars = [Bar(thing=bus, x=MARGIN, y=TOP + HEIGHT + BUS_Y - 24, width=width - 2 * MARGIN)]
    stream = next((each for each in wiring.things if each.kind == STREAM), None)
    readers = {owner(w.target) for w in wiring.wires if w.source == stream}
    lines = [*_bus_lines(cards.values(), bars[0], readers), *_call_lines(cards, calls)]
    lines.append(_entrance(wiring, cards))
    if stream is not None:
        bar, added = _stream(stream, [cards[each] for each in readers if each in cards], bars[0])
        bars.append(bar)
        lines += added
    return Overview(
        width=width,
        height=top + HEIGHT + BOW + MARGIN,
        cards=list(cards.values()),
        bars=bars,
        lines=lines,
    )


def below_places(names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return column and row of each service in the lower row."""
    return {name: (i, 1) for i, name in enumerate(names)}


def main_bus(wiring: Wiring) -> Resource | None:
    """Return the bus that has the most rules; None where no bus is deployed."""
    buses = [each for each in wiring.things if each.kind == BUS]
    return max(buses, key=lambda bus: sum(w.source == bus for w in wiring.wires), default=None)


def _rules(wiring: Wiring, bus: Resource) -> Mapping[str, Sequence[Resource]]:
    found: dict[str, list[Resource]] = {}
    for wire in wiring.wires:
        if wire.source == bus and wire.target.kind == RULE:
            found.setdefault(owner(wire.target), []).append(wire.target)
    return found


def _calls(wiring: Wiring, without: set[str]) -> Mapping[tuple[str, str], str]:
    """Return the pairs of services connected without the bus, each with a description.

    Services in ``without`` are left out.
    """
    found: dict[tuple[str, str], str] = {}
    for wire in wiring.wires:
        pair = owner(wire.source), owner(wire.target)
        if pair[0] != pair[1] and not without & {*pair} and wire.source.kind != API:
            found.setdefault(pair, f"{wire.source.name} {wire.how} {wire.target.name}")
    return found


def _above(
    wiring: Wiring,
    calls: Mapping[tuple[str, str], str],
    rules: Mapping[str, Sequence[Resource]],
) -> list[str]:
    """Return the services that an order passes through, beginning with the API."""
    first = next(w for w in wiring.wires if w.how == ENTRANCE)
    saga = (w for w in wiring.wires if w.source.kind == MACHINE and w.target.kind == FUNCTION)
    called = [owner(w.target) for w in saga]
    publishers = {owner(w.source) for w in wiring.wires if w.target.kind == BUS}
    reached = {
        name: min((WAY.index(e) for rule in of for e in events_of(rule) if e in WAY), default=None)
        for name, of in rules.items()
    }
    after = sorted(
        (number, name)
        for name, number in reached.items()
        if number is not None and name in publishers
    )
    backbone = {owner(each) for each in wiring.things if each.kind == STREAM}
    names = (owner(first.source), owner(first.target), *called, *(name for _, name in after))
    return [each for each in dict.fromkeys(names) if each not in backbone]


def _under_partners(
    above: Sequence[str], below: Sequence[str], calls: Mapping[tuple[str, str], str]
) -> list[str]:
    """Return the lower row's services, each near the upper ones that it is connected to."""

    def place(name: str) -> float:
        near = [
            above.index(other)
            for pair in calls
            for other in pair
            if name in pair and other in above
        ]
        return fmean(near) if near else len(above)

    return sorted(below, key=place)


def _parts(wiring: Wiring, service: str) -> str:
    """Return a text that says what a service mainly consists of."""
    if routes := sum(w.source.kind == API and owner(w.source) == service for w in wiring.wires):
        return f"{routes} routes"
    kinds = Counter(each.kind for each in wiring.things if owner(each) == service)
    kind = next((each for each in (FUNCTION, WORKERS) if kinds[each]), next(iter(kinds)))
    number = kinds[kind]
    word = KINDS[kind]
    return f"{number} {word}s" if number > 1 else f"1 {word}" if kind == FUNCTION else word


def _entrance(wiring: Wiring, cards: Mapping[str, Card]) -> Line:
    """Return the line by which requests come in."""
    first = next(w for w in wiring.wires if w.how == ENTRANCE)
    start, end = cards[owner(first.source)], cards[owner(first.target)]
    y = start.y + HEIGHT // 2
    path = f"M{start.x + WIDTH} {y} H{end.x - 5}"
    return path, "out", ENTRANCE, f"{start.service}>{end.service}"


def _bus_lines(cards: Iterable[Card], bus: Bar, readers: set[str]) -> list[Line]:
    lines: list[Line] = []
    for card in cards:
        is_above = card.y < bus.y
        edge = card.y + HEIGHT if is_above else card.y
        rail = bus.y if is_above else bus.y + BAR
        # The stream is drawn above its consumers.
        middle = card.x + (4 if card.service in readers else WIDTH // 2)
        out, back = middle - 12, middle + 12
        gap = -5 if is_above else 5
        if card.publishes:
            path = f"M{out} {edge} V{rail + gap}"
            lines.append((path, "out", f"{card.service} publishes", f"{card.service}>bus"))
        if card.rules:
            text = f"{card.rules} rule{'s' if card.rules > 1 else ''} of {card.service}"
            lines.append((f"M{back} {rail} V{edge - gap}", "back", text, f"bus>{card.service}"))
    return lines


def _call_lines(cards: Mapping[str, Card], calls: Mapping[tuple[str, str], str]) -> list[Line]:
    lines: list[Line] = []
    for (a, b), how in calls.items():
        if a not in cards or b not in cards:
            continue
        start, end, name = cards[a], cards[b], f"{a}>{b}"
        x1, x2 = start.x + WIDTH // 2 + 36, end.x + WIDTH // 2 - 36
        if start.y == end.y:
            up = start.y == TOP
            edge = start.y if up else start.y + HEIGHT
            far = abs(end.x - start.x) // (WIDTH + GAP)
            bow = edge + (-1 if up else 1) * (18 + 9 * min(far, 4))
            tip = edge + (-5 if up else 5)
            lines.append((f"M{x1} {edge} C{x1} {bow} {x2} {bow} {x2} {tip}", "call", how, name))
        else:
            y1, y2 = (start.y + HEIGHT, end.y - 5) if start.y < end.y else (
                start.y, end.y + HEIGHT + 5
            )  # fmt: skip
            half = (y1 + y2) // 2
            lines.append((f"M{x1} {y1} C{x1} {half} {x2} {half} {x2} {y2}", "call", how, name))
    return lines


def _stream(stream: Resource, readers: Sequence[Card], bus: Bar) -> tuple[Bar, list[Line]]:
    """Return the stream's bar above its consumers, and its lines."""
    left = min((card.x for card in readers), default=bus.x) + 52
    right = max((card.x + WIDTH for card in readers), default=bus.x + WIDTH) + GAP - 4
    bar = Bar(thing=stream, x=left, y=bus.y + BAR + 30, width=right - left)
    inside = left + 56
    path, text = f"M{inside} {bus.y + BAR} V{bar.y - 5}", "rules put events on the stream"
    lines = [(path, "back", text, "bus>stream")]
    for card in readers:
        path, name = f"M{card.x + 108} {bar.y + BAR} V{card.y - 5}", card.service
        lines.append((path, "back", f"{name} reads it", f"stream>{name}"))
    return bar, lines
