"""The output of a run, on a terminal, in a file or in a pipe.

Some of it was written by others: SKUs, cells of exports, errors. So whatever could move the cursor,
reorder text or hide any is printed as its escape sequence.
"""

import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from ops.output import printable

COLOUR = secrets.token_hex(8)
"""Stands for the beginning of a colour's escape sequence, and is in no text of others."""
BOLD, RED, GREEN = 1, 31, 32

Note = Callable[[str], None]
"""Shows a text on the line of the current phase."""


@dataclass(slots=True)
class Screen:
    """Writes the output of a run: coloured and redrawn on a terminal, plain text elsewhere."""

    out: TextIO = field(default_factory=lambda: sys.stdout)

    def say(self, text: str = "") -> None:
        """Write a line."""
        self.out.write(f"{_shown(text)}\n")
        self.out.flush()

    def title(self, text: str) -> None:
        """Write a headline."""
        self.say()
        self.say(self.paint(text, BOLD))

    def item(self, label: object, text: object = "") -> None:
        """Write a label and its value."""
        self.say(f"  {label:<22}{text}".rstrip())

    def paint(self, text: str, colour: int) -> str:
        """Return the text for a line: in an ANSI colour, or unchanged where none are wanted.

        https://no-color.org
        """
        wanted = self.out.isatty() and not os.environ.get("NO_COLOR")
        return f"{COLOUR}{colour}m{text}{COLOUR}0m" if wanted else text

    def of(self, count: int, expected: int) -> str:
        """Return the count; if it is not the expected one, add that, in red."""
        whole = f"{count:,}"
        return whole if count == expected else self.paint(f"ONLY {whole} of {expected:,}", RED)

    @contextmanager
    def phase(self, name: str) -> Iterator[Note]:
        """Show a phase of the run. At the end, its line has the last note and the time it took."""
        began = time.monotonic()
        last = ""

        def note(text: str) -> None:
            nonlocal last
            last = text
            if self.out.isatty():
                line = f"  {name:<22}{text}"[: shutil.get_terminal_size().columns - 1]
                self.out.write(f"\r\033[K{_shown(line)}")
                self.out.flush()

        note("")
        try:
            yield note
        except Exception:
            if self.out.isatty():
                self.say()
            raise
        if self.out.isatty():
            self.out.write("\r\033[K")
        self.say(f"  {name:<22}{last:<50}{time.monotonic() - began:6.1f} s")


def _shown(text: str) -> str:
    return printable(text).replace(COLOUR, "\033[")


def bar(done: int, total: int, width: int = 24) -> str:
    """Return a progress bar."""
    filled = width * done // total if total else width
    return f"[{'#' * filled}{'.' * (width - filled)}] {done:,} of {total:,}"
