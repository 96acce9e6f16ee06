"""Chance: every random decision of a run, drawn from its seed.

A draw depends on the seed, on the decision's label, and on how often that label was drawn before.
So leaving out a fault changes little else, and a failing run can be shrunk to the faults that
matter.
"""

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from simulation.kernel import Kernel

T = TypeVar("T")

THROTTLE, BEFORE, SERVER_ERROR, LOST, LATE, DEATH, CONFLICT = (
    "throttle", "failure before the effect", "server error", "answer lost",
    "effect after the time-out", "death of the process", "conflict",
)  # fmt: skip
DUPLICATE, DELAY, PARTIAL, CRASH, STOP = (
    "duplicate delivery", "delay", "partial failure", "crash of the function",
    "execution stopped",
)  # fmt: skip
OUTAGE, STALE, RELEASE, RESHARD, VERSION = (
    "outage", "stale index", "a release is deployed", "shards are split or merged",
    "another version of events",
)  # fmt: skip
KINDS = (
    THROTTLE, BEFORE, SERVER_ERROR, LOST, LATE, DEATH, CONFLICT, DUPLICATE, DELAY, PARTIAL, CRASH,
    STOP, OUTAGE, STALE, RELEASE, RESHARD, VERSION,
)  # fmt: skip
RATES = (0.0, 0.005, 0.02, 0.05, 0.12)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that happened: its id in the run, its kind, when and where."""

    id: str
    kind: str
    at: float
    where: str


class Chance:
    """The random decisions of one run.

    Each seed has only some kinds of faults, at a rate of its own, so that some seeds often have
    combinations that are rare otherwise.
    """

    def __init__(self, seed: int, kernel: Kernel, *, without: Container[str] = ()) -> None:
        """``without`` has the ids of faults to leave out."""
        self.seed = seed
        self.faults: list[Fault] = []
        self.calm_from = float("inf")
        """When faults end."""
        self.on_fault: Callable[[Fault], None] = lambda _: None
        self.kernel = kernel
        self._without = without
        self._counts: Counter[str] = Counter()
        self._enabled = [kind for kind in KINDS if self.draw("enabled " + kind) < 0.6]
        self._rate = self.pick("rate", RATES)

    def draw(self, label: str) -> float:
        """Return a number from 0 to below 1."""
        return self._numbered(label)[0]

    def between(self, label: str, low: float, high: float) -> float:
        """Return a number between ``low`` and ``high``."""
        return low + (high - low) * self.draw(label)

    def pick(self, label: str, choices: Sequence[T]) -> T:
        """Return one of ``choices``."""
        return choices[int(self.draw(label) * len(choices))]

    def fault(self, where: str, kinds: Sequence[str], *, rate: float = 1.0) -> str | None:
        """Decide whether a fault happens here and now; return its kind, one of ``kinds``, or None.

        ``rate`` multiplies the seed's rate of faults.
        """
        drawn, id_ = self._numbered(where)
        if self.kernel.now >= self.calm_from or drawn >= self._rate * rate:
            return None
        possible = [kind for kind in kinds if kind in self._enabled]
        if not possible or id_ in self._without:
            return None
        kind = possible[int(self.draw(f"{where} kind") * len(possible))]
        self.record(id_, kind, where)
        return kind

    def deliveries(
        self, where: str, *, soon: float, late: float, rate: float = 1.0
    ) -> Sequence[float]:
        """Return after how many seconds something is delivered: soon, or late, or both."""
        fault = self.fault(where, [DUPLICATE, DELAY], rate=rate)
        delays = [self.between(where, 0, soon if fault != DELAY else late)]
        if fault == DUPLICATE:
            delays.append(self.between(where, 0, late))
        return delays

    def allows(self, id_: str, kind: str) -> bool:
        """Return whether a planned fault of the seed, such as an outage, takes place."""
        return kind in self._enabled and id_ not in self._without

    def record(self, id_: str, kind: str, where: str) -> None:
        """Record that a fault happened."""
        fault = Fault(id_, kind, self.kernel.now, where)
        self.faults.append(fault)
        self.on_fault(fault)

    def _numbered(self, label: str) -> tuple[float, str]:
        self._counts[label] += 1
        id_ = f"{label} #{self._counts[label]}"
        digest = blake2b(f"{self.seed} {id_}".encode(), digest_size=7).digest()
        return int.from_bytes(digest) / (1 << 56), id_
