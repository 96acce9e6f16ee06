"""An operator who sees where everything is parked, mends what is wrong, and puts all back."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import NamedTuple

from ops.holding import holder
from ops.moving import Mover
from ops.places import Feed, How, Place
from ops.records import Record, decode
from ops.redrive import Redrive, Step, Tally
from ops.redriving import fed_by
from tests.local import small_stacks
from tests.local.breaking import Breaking, Client, Fault

NONSENSE = "nonsense"
"""Is in everything of which nobody can make sense."""
AT_ONCE = 8
PATIENCE = 5 * small_stacks.PATIENCE
PAUSE = 0.2


class Fed(NamedTuple):
    """One way in which work gets into a place."""

    place: str
    how: How
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Does what a person on call does, in turns.

    What makes no sense is put back, too; when it comes again, it is thrown away.
    ``seen`` is what was parked so far, ``nonsense`` the first message that made none.
    """

    client: Client
    places: list[Place]
    breaking: Breaking
    mark_compensation_completed: str
    """Orders' function that marks a compensation as done."""
    wrong: dict[Fault, set[Fed]] = field(default_factory=dict)
    seen: set[Fed] = field(default_factory=set)
    nonsense: dict[Fed, str] = field(default_factory=dict)

    @property
    def ways(self) -> set[Fed]:
        """All ways into all places."""
        return set().union(*map(self._ways, self.places))

    @contextmanager
    def everything_broken(self) -> Iterator[None]:
        """Let nothing be done as it should, until it was seen what becomes of it."""
        try:
            for place in self.places:
                for feed in place.feeds:
                    for fault in self.breaking.faults(feed):
                        self._break(fault).add(fed(place, feed))
            yield
        finally:
            self._mend(list(self.wrong))

    def until(self, what: str, true: Callable[[], object]) -> None:
        """Go on until that is so."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, (what, sorted(self.ways - self.seen))
            self.turn()

    def turn(self) -> None:
        """See what is parked, mend what was wrong with it, and put back what can be done now."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = dict(chain.from_iterable(pool.map(self._look, self.places)))
            self.seen.update(found.values())
            self._mend([fault for fault, ways in self.wrong.items() if ways <= self.seen])
            broken = set().union(*self.wrong.values())
            # What came since then is for the next turn, when it is seen.
            meant = {id_ for id_, way in found.items() if way not in broken}
            held = [place for place in self.places if self._ways(place) & set(found.values())]
            steps = list(chain.from_iterable(pool.map(partial(self._put_back, meant), held)))
        stayed = [(step.place.name, step.why) for step in steps if not step.moved]
        # A saga parks a compensation a moment before it ends its order.
        assert [(name, why) for name, why in stayed if "its saga is at it" not in why] == []
        if not meant:
            time.sleep(PAUSE)

    def _put_back(self, meant: set[str], place: Place) -> list[Step]:
        """What became of those; many places are redriven at once, as a test has little time."""
        tally = Tally()
        redrive = Redrive(
            chosen=lambda record: record.message.id in meant,
            move=Mover(self.client, lambda: self.mark_compensation_completed).do,
            pace=lambda: None,
            progress=lambda _: None,
        )
        redrive.run(place, holder(place, self.client), tally)
        return tally.steps

    def _look(self, place: Place) -> list[tuple[str, Fed]]:
        """The ids of what is in a place, and how it came, but for what is thrown away."""
        held = holder(place, self.client)
        if not held.depth().all:
            return []
        with closing(held.taking()) as messages:
            records = [decode(message, place) for message in messages]
            found = [(self._way(place, record), record) for record in records]
            for way, record in found:
                if self._is_past_help(way, record):
                    held.delete(record.message)
        return [(record.message.id, way) for way, record in found]

    def _ways(self, place: Place) -> set[Fed]:
        return {fed(place, feed) for feed in place.feeds}

    def _way(self, place: Place, record: Record) -> Fed:
        feed = fed_by(record, place)
        assert feed is not None, record
        return fed(place, feed)

    def _is_past_help(self, way: Fed, record: Record) -> bool:
        """Whether nobody makes sense of it, though it was put back."""
        if record.how is not How.ITSELF or not record.mentions(NONSENSE):
            return False
        first = self.nonsense.setdefault(way, record.message.id)
        if "event" in record.envelope:
            # It has no room for its history.
            return record.message.id != first
        assert record.redriven == len(record.earlier), record
        return record.redriven > 0

    def _break(self, fault: Fault) -> set[Fed]:
        if fault not in self.wrong:
            fault.begin(self.client)
            self.wrong[fault] = set()
        return self.wrong[fault]

    def _mend(self, faults: list[Fault]) -> None:
        for fault in faults:
            fault.end(self.client)
            del self.wrong[fault]


def fed(place: Place, feed: Feed) -> Fed:
    """The way of a feed into a place."""
    return Fed(place.name, feed.how, feed.source.name)
