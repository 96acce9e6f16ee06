"""What an operator sees while something is done."""

import sys
import time


class Terminal:
    """Shows progress: on a terminal on one line for each step, elsewhere as lines, not too many."""

    def __init__(self) -> None:
        self._tty = sys.stdout.isatty()
        self._step = ""
        self._said = 0.0
        self._kept = ""

    def say(self, line: str) -> None:
        """Show how far a step is; its name is what stands before the colon."""
        step = line.partition(":")[0]
        if self._tty:
            sys.stdout.write(f"\n{line}" if step != self._step else f"\r\033[K{line}")
        elif step != self._step or time.monotonic() - self._said >= 10:
            if step != self._step:
                self._keep()
            sys.stdout.write(f"{line}\n")
            self._said, self._kept = time.monotonic(), ""
        else:
            self._kept = line
        self._step = step
        sys.stdout.flush()

    def end(self) -> None:
        """Show what was held back of the last step."""
        if self._tty and self._step:
            sys.stdout.write("\n")
        self._keep()
        self._step = ""
        sys.stdout.flush()

    def _keep(self) -> None:
        if self._kept:
            sys.stdout.write(f"{self._kept}\n")
            self._kept = ""
