"""Virtual time for models: processes are generators that yield how many seconds to wait."""

import heapq
from collections.abc import Generator
from itertools import count
from typing import Any

Process = Generator[float, None, Any]


class VirtualTime:
    """Runs processes in the order of their times, without really waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Process]] = []
        self._numbers = count()

    def start(self, process: Process, *, at: float = 0.0) -> None:
        """Start a process at a time, which must not be past."""
        heapq.heappush(self._queue, (at, next(self._numbers), process))

    def run(self, until: float) -> None:
        """Run all processes up to a time."""
        while self._queue and self._queue[0][0] <= until:
            self.now, number, process = heapq.heappop(self._queue)
            try:
                delay = next(process)
            except StopIteration:
                continue
            heapq.heappush(self._queue, (self.now + delay, number, process))
