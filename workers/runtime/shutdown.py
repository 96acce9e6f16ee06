"""A graceful stop: no new work, and some seconds to finish what is in progress."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event


@dataclass(slots=True, kw_only=True)
class Shutdown:
    """Whether the program is to stop, and how long work in progress may still take."""

    grace: float
    """Seconds that work in progress may take after the request."""
    clock: Callable[[], float] = time.monotonic
    _requested: Event = field(default_factory=Event)
    _begun: bool = False
    _deadline: float = float("inf")

    def request(self) -> None:
        """Request the shutdown: no new work from now on.

        A signal handler may interrupt another call of this method. Setting an event takes a lock,
        for which the second call would wait for ever. So it checks whether the first has begun.
        """
        if not self._begun:
            self._begun = True
            self._deadline = self.clock() + self.grace
            self._requested.set()

    @property
    def requested(self) -> bool:
        """Whether the shutdown was requested."""
        return self._requested.is_set()

    @property
    def remaining(self) -> float:
        """The seconds that are left until work in progress is given up."""
        return self._deadline - self.clock()

    def wait(self, seconds: float) -> bool:
        """Wait so long or until the request; return whether the shutdown was requested."""
        return self._requested.wait(seconds)
