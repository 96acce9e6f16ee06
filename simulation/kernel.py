"""Virtual time: the queue of what happens next, and the processes that wait for it.

A process is a greenlet: it can stop in the middle of a call and continue later, without a thread.
Only one runs at a time, until it waits, so a run has no races except those of its events.
"""

import heapq
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet


class Killed(GreenletExit):  # type: ignore[misc]
    """The process ends here, like a machine that is switched off."""


class Timer:
    """An action that is due at a time. It can be cancelled before."""

    __slots__ = ("action", "args", "background")

    def __init__(
        self, action: Callable[..., object], args: tuple[Any, ...], background: bool
    ) -> None:
        self.action: Callable[..., object] | None = action
        self.args = args
        self.background = background

    def cancel(self) -> None:
        """Cancel the action: when its time comes, nothing is called."""
        self.action = None


START = datetime(2030, 1, 1, tzinfo=UTC)
"""When every run begins."""


class Kernel:
    """The virtual clock, and the actions that are due. ``now`` is in seconds since 1970."""

    def __init__(self) -> None:
        self.now = START.timestamp()
        self.steps = 0
        self._due: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._hub = getcurrent()
        self._processes: list[Process] = []

    @property
    def foreground(self) -> int:
        """The number of due actions that are not in the background, nor cancelled."""
        return sum(not each.background and each.action is not None for _, _, each in self._due)

    def due(self) -> Iterator[tuple[float, Timer]]:
        """Yield the actions that are due, and when."""
        yield from ((at, timer) for at, _, timer in self._due if timer.action)

    def at_work(self) -> Iterator[tuple[str, int]]:
        """Yield the names of the processes that have not ended, and how often each has waited."""
        yield from ((each.name, each.waits) for each in self._processes if not each.has_ended)

    def after(
        self, delay: float, action: Callable[..., object], *args: Any, background: bool = False
    ) -> Timer:
        """Call ``action`` in ``delay`` seconds.

        ``background`` is for actions that repeat for ever; a run does not wait for these.
        """
        timer = Timer(action, args, background)
        self._count += 1
        heapq.heappush(self._due, (self.now + max(delay, 0), self._count, timer))
        return timer

    def run(self, *, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Run the due actions until the time ``until``, or until ``stop`` returns true."""
        while self._due and self._due[0][0] <= until and not stop():
            self.now, _, timer = heapq.heappop(self._due)
            if timer.action:
                self.steps += 1
                timer.action(*timer.args)
        if not stop():
            self.now = max(self.now, until)

    def start(self, process: "Process") -> None:
        """Begin a process at the present time, as soon as the running process waits."""
        process.parent = self._hub
        self._processes.append(process)
        self.after(0, process.begin)

    def close(self) -> None:
        """Kill all processes that still wait, in the order in which they began."""
        for process in self._processes:
            process.on_death = lambda: None
            process.kill()

    def sleep(self, seconds: float) -> None:
        """Make the current process wait."""
        signal = Signal()
        self.after(seconds, signal.fire, None)
        signal.wait()

    @property
    def moment(self) -> datetime:
        """The virtual time as a datetime, UTC."""
        return datetime.fromtimestamp(self.now, UTC)


class Process(greenlet):  # type: ignore[misc]
    """A process: an invocation in a function's environment, a worker, or a saga's execution."""

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
        self.waits = 0
        """How often it has waited so far."""
        self.on_death: Callable[[], None] = lambda: None

    @property
    def has_ended(self) -> bool:
        """Whether its work is done, or it was killed."""
        return self.dead or not self.alive

    def begin(self) -> None:
        """Run until the first wait, unless the process was killed before."""
        if self.alive:
            self.switch()

    def kill(self) -> None:
        """End the process where it waits. Requests that it has sent may still take effect."""
        if self.alive and not self.dead:
            self.alive = False
            if self:
                self.throw(Killed)
            self.on_death()


class Signal:
    """Something that the current process waits for. Only the first ``fire`` has an effect."""

    __slots__ = ("_given", "_process")

    def __init__(self) -> None:
        self._process = current()
        self._given = False

    def wait(self) -> Any:
        """Wait for ``fire``, and return its value."""
        if not self._process.alive:
            raise Killed
        self._process.waits += 1
        assert self._process.parent is not None  # noqa: S101 -- for the type checker
        return self._process.parent.switch()

    def fire(self, value: Any) -> None:
        """Resume the process with this value, if it still waits. Only the kernel may call this."""
        if isinstance(getcurrent(), Process):
            raise TypeError("a process cannot switch to another: it would never be resumed")
        if not self._given and self._process.alive:
            self._given = True
            self._process.switch(value)


def current() -> Process:
    """Return the running process."""
    process = getcurrent()
    if not isinstance(process, Process):
        raise TypeError("no process runs: only a process can wait, or call AWS")
    return process
