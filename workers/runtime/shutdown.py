"""A graceful stop: accept no new work, and give work in progress some seconds to finish."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event


@dataclass(slots=True, kw_only=True)
class Shutdown:
    """Whether the program is to stop, and how many seconds work in progress still has."""

    grace: float
    """Seconds that work in progress may take after the request."""
    clock: Callable[[], float] = time.monotonic
    _requested: Event = field(default_factory=Event)
    _begun: bool = False
    _deadline: float = float("inf")

    def request(self) -> None:
        """Request the shutdown: no new work from now on.

        A signal handler may interrupt another call of this method. Setting an event takes a lock;
        the second call would wait for it for ever. So the second call returns if the first has
        begun.
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
        """The seconds until work in progress is abandoned."""
        return self._deadline - self.clock()

    def wait(self, seconds: float) -> bool:
        """Wait ``seconds``, or until the request; return whether there was one."""
        return self._requested.wait(seconds)
