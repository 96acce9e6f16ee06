"""Virtual time: what happens next, and the processes that wait for it.

A process is a greenlet: it can stop in the middle of a call and go on later, without a thread.
Only one runs at a time, and only until it waits, so a run has no races but those of its events.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet


class Killed(GreenletExit):  # type: ignore[misc]
    """The process ends here, as a machine does that is switched off."""


class Timer:
    """An action that is due at a time; it may be cancelled until then."""

    __slots__ = ("action", "args", "background")

    def __init__(
        self, action: Callable[..., object], args: tuple[Any, ...], background: bool
    ) -> None:
        self.action: Callable[..., object] | None = action
        self.args = args
        self.background = background

    def cancel(self) -> None:
        """Do nothing when the time comes."""
        self.action = None


class Kernel:
    """The clock, and what is due. ``now`` is in seconds since 1970."""

    def __init__(self, start: datetime) -> None:
        self.now = start.timestamp()
        self.steps = 0
        self.foreground = 0
        """How many actions are due that are more than the ticks of a schedule."""
        self._due: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._hub = getcurrent()
        self._processes: list[Process] = []

    def after(
        self, delay: float, action: Callable[..., object], *args: Any, background: bool = False
    ) -> Timer:
        """Call ``action`` in so many seconds; ``background`` is what goes on for ever."""
        timer = Timer(action, args, background)
        self._count += 1
        self.foreground += not background
        heapq.heappush(self._due, (self.now + max(delay, 0), self._count, timer))
        return timer

    def run(self, *, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Let things happen until a time, or until ``stop`` says so."""
        while self._due and self._due[0][0] <= until and not stop():
            self.now, _, timer = heapq.heappop(self._due)
            self.foreground -= not timer.background
            if timer.action:
                self.steps += 1
                timer.action(*timer.args)
        if not stop():
            self.now = max(self.now, until)

    def start(self, process: "Process") -> None:
        """Let a process begin, now but not within the one that runs."""
        process.parent = self._hub
        self._processes.append(process)
        self.after(0, process.begin)

    def close(self) -> None:
        """End all processes that still wait, in the order in which they began."""
        for process in self._processes:
            process.on_death = lambda: None
            process.kill()

    def sleep(self, seconds: float) -> None:
        """Let the current process wait."""
        signal = Signal()
        self.after(seconds, signal.fire, None)
        signal.wait()

    @property
    def moment(self) -> datetime:
        """The time as a datetime, UTC."""
        return datetime.fromtimestamp(self.now, UTC)


class Process(greenlet):  # type: ignore[misc]
    """What runs in a function's environment, in a worker, or as an execution."""

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        *,
        settings: dict[str, str] | None = None,
        skew: float = 0.0,
    ) -> None:
        super().__init__(work)
        self.name = name
        self.settings = settings or {}
        self.skew = skew
        """How many seconds its clock is ahead."""
        self.alive = True
        self.on_death: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Run until the first wait, unless the process was killed before."""
        if self.alive:
            self.switch()

    def kill(self) -> None:
        """End the process where it waits. What it has requested may still take effect."""
        if self.alive and not self.dead:
            self.alive = False
            if self:
                self.throw(Killed)
            self.on_death()


class Signal:
    """What the current process waits for; it is given once, and later ones are ignored."""

    __slots__ = ("_given", "_process")

    def __init__(self) -> None:
        self._process = current()
        self._given = False

    def wait(self) -> Any:
        """Return what is given."""
        if not self._process.alive:
            raise Killed
        assert self._process.parent is not None  # noqa: S101 -- for the type checker
        return self._process.parent.switch()

    def fire(self, value: Any) -> None:
        """Let the process go on with this value, if it still waits. Only the kernel may do so."""
        if isinstance(getcurrent(), Process):
            raise TypeError("a process cannot switch to another: it would never be resumed")
        if not self._given and self._process.alive:
            self._given = True
            self._process.switch(value)


def current() -> Process:
    """Return the process that runs."""
    process = getcurrent()
    if not isinstance(process, Process):
        raise TypeError("no process runs: only a process can wait, or call AWS")
    return process
