"""The progress that an operator sees while the command works."""

import shutil
import sys
import time

from ops.output import printable

SECONDS_BETWEEN_LINES = 10


class Terminal:
    """Shows progress: one line per step on a terminal, otherwise a line now and then."""

    def __init__(self) -> None:
        self._is_tty = sys.stdout.isatty()
        self._step = ""
        self._written_at = 0.0
        self._pending = ""

    def say(self, line: str) -> None:
        """Show the progress of a step. The text before the colon names the step."""
        line = printable(line)
        step = line.partition(":")[0]
        if self._is_tty:
            # A line that wraps could not be redrawn.
            line = line[: shutil.get_terminal_size().columns - 1]
            sys.stdout.write(f"\n{line}" if step != self._step else f"\r\033[K{line}")
        elif step != self._step or time.monotonic() - self._written_at >= SECONDS_BETWEEN_LINES:
            if step != self._step:
                self._write_pending()
            sys.stdout.write(f"{line}\n")
            self._written_at, self._pending = time.monotonic(), ""
        else:
            self._pending = line
        self._step = step
        sys.stdout.flush()

    def end(self) -> None:
        """Show the last line of the last step, and end it."""
        if self._is_tty and self._step:
            sys.stdout.write("\n")
        self._write_pending()
        self._step = ""
        sys.stdout.flush()

    def _write_pending(self) -> None:
        if self._pending:
            sys.stdout.write(f"{self._pending}\n")
            self._pending = ""
