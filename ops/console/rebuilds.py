"""Rebuilds of views that the console runs, one at a time, in a thread of their own."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from ops.deployed import Deployed, OperationError, deployed
from ops.output import with_notes
from ops.views.rebuild import Rebuild
from ops.views.registry import VIEWS

SWITCHING = "switching"
"""What a rebuild says when it begins to switch. From then on it must not be stopped."""


class _StoppedError(Exception):
    """Somebody stopped the rebuild."""


@dataclass(slots=True, kw_only=True)
class Run:
    """A rebuild that runs or has ended."""

    view: str
    switches: bool
    """Whether it makes the rebuilt table the live one; if not, it is a dry run."""
    lines: dict[str, str] = field(default_factory=dict)
    """What it said last, by kind: a count replaces the earlier one."""
    is_over: bool = False
    is_equal: bool = False
    error: str = ""
    """Why it ended without a result."""

    def say(self, line: str) -> None:
        """Note a line of progress."""
        kind = line.partition(":")[0]
        self.lines[line if kind == "differs" else kind] = line

    @property
    def may_be_confirmed(self) -> bool:
        """Whether it is a dry run with a result."""
        return self.is_over and not self.switches and not self.error

    @property
    def has_switched(self) -> bool:
        """Whether the rebuilt table is live now."""
        return "switched" in self.lines


@dataclass(slots=True)
class Rebuilds:
    """Runs rebuilds, and remembers the last one."""

    environment: str
    ended: Callable[[], object]
    """Called at the end of each: which table is live may have changed."""
    connect: Callable[[str], Deployed] = deployed
    """Returns the environment as it is now: a rebuild must not take the live table for the idle."""
    last: Run | None = None
    _thread: threading.Thread | None = None
    _stopping: bool = False
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def start(self, view: str, *, switch: bool = False, despite: bool = False) -> None:
        """Rebuild a view and compare it. Then switch, if so asked after a dry run of it.

        ``despite`` is to switch although the views differ.

        Raises:
            OperationError: another rebuild runs, or there was no dry run.
        """
        with self._starting:
            last = self.last
            if last is not None and not last.is_over:
                raise OperationError(f"a rebuild of {last.view} runs: wait for its end, or stop it")
            if switch and not (last and last.view == view and last.may_be_confirmed):
                raise OperationError(f"rebuild {view} without a switch first, and look at it")
            self.last, self._stopping = Run(view=view, switches=switch), False
            self._thread = threading.Thread(target=self._run, args=(self.last, despite))
            self._thread.start()

    def stop(self) -> None:
        """Let the rebuild that runs end at its next step, unless it switches."""
        self._stopping = True

    def close(self) -> None:
        """Stop the rebuild that runs, and wait for its end."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def _run(self, run: Run, despite: bool) -> None:
        def progress(line: str) -> None:
            if self._stopping and SWITCHING not in run.lines:
                raise _StoppedError("it was stopped")
            run.say(line)

        try:
            rebuild = Rebuild(
                deployed=self.connect(self.environment),
                views={run.view: VIEWS[run.view]},
                progress=progress,
            )
            equal = rebuild.run(switch=run.switches, ignore_differences=despite)
            run.is_equal = equal[run.view]
        except (OperationError, ClientError, BotoCoreError, _StoppedError) as error:
            run.error = with_notes(str(error), error)
        except BaseException as error:
            run.error = repr(error)
            raise
        finally:
            self.ended()
            run.is_over = True
