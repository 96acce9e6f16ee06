"""Which request, delivery or process fails, and how: drawn from a seed, and counted.

The n-th draw under a label depends on the seed, the label and n alone. So the same seed brings the
same faults upon the same requests, as far as threads and processes make them in the same order.
"""

import enum
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random


class Kind(enum.StrEnum):
    """The kinds of faults, as reports name them."""

    THROTTLE = "throttle"
    SERVER_ERROR = "server error"
    SERVER_ERROR_AFTER = "server error after the effect"
    RESET = "reset before the effect"
    RESET_AFTER = "reset after the effect"
    LOST = "answer lost"
    LATE = "effect after the time-out"
    LATENCY = "latency"
    STALL = "stall of the event loop"
    CUT = "database connection broken"
    DUPLICATE = "duplicate delivery"
    DELAY = "delayed delivery"
    UNDELIVERED = "failed delivery"
    DEATH = "death of a function's process"


class Faults:
    """The faults of one process. There are none until ``begin``."""

    def __init__(self) -> None:
        self._seed = 0
        self._rates: Mapping[Kind, float] = {}
        self._draws: Counter[str] = Counter()
        self._counts: Counter[Kind] = Counter()
        self._lock = threading.Lock()

    def begin(self, seed: int, rates: Mapping[Kind, float]) -> None:
        """Begin with faults. ``rates`` are the probabilities of the kinds, from 0 to 1."""
        with self._lock:
            self._seed, self._rates = seed, dict(rates)
            self._draws.clear()
            self._counts.clear()

    def end(self) -> dict[Kind, int]:
        """End all faults; return how many of each kind there were since ``begin``."""
        with self._lock:
            self._rates = {}
            return dict(self._counts)

    def choose(self, label: str, kinds: Iterable[Kind]) -> Kind | None:
        """Return which of the kinds happens now to what the label names; mostly None."""
        if not self._rates:
            return None
        drawn = self.between(label, 0, 1)
        for kind in kinds:
            drawn -= self._rates.get(kind, 0)
            if drawn < 0:
                with self._lock:
                    self._counts[kind] += 1
                return kind
        return None

    def between(self, label: str, low: float, high: float) -> float:
        """Return a random number between the two."""
        with self._lock:
            self._draws[label] += 1
            number = self._draws[label]
        # Chance that can be repeated, not a secret.
        return Random(f"{self._seed}/{label}/{number}").uniform(low, high)  # noqa: S311


FAULTS = Faults()
"""Those of the local cloud's server."""
