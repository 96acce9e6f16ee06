"""Text, tables, ages and JSON on standard output.

Much of it was written by others: message bodies, names, errors. It must not move the cursor,
reorder text or hide any. So each character that can do this is printed as its escape sequence.
"""

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

MAX_LENGTH = 160
"""The length at which a line is cut off; ``--json`` has the whole text."""
MAX_REASON = 600
"""The same of why something failed: what was denied, and by what, stands at its end."""
ESCAPED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control and format characters (bidi among them), surrogates, unassigned ones, separators."""
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
"""Characters of other categories that are shown as nothing.
https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
"""


def open_closed_outputs() -> None:
    """Discard what is written to an output that was closed when the process began."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115


def printable(text: str, *, keep: str = "") -> str:
    """Return the text with control and invisible characters escaped, except those in ``keep``."""
    hidden = {character for character in set(text) - set(keep) if _is_hidden(character)}
    return text.translate({ord(character): _escape(character) for character in hidden})


def one_line(event: Any, *, max_length: int = MAX_LENGTH) -> str:
    """Return an event as one printable line of at most ``max_length`` characters."""
    text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    text = printable(" ".join(text.split()))
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def with_notes(why: str, error: BaseException) -> str:
    """Return why a command ends and the error's notes, which say what is left, in one line."""
    return " ".join("; ".join(filter(None, (why, *getattr(error, "__notes__", ())))).split())


def format_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, each column as wide as its longest cell."""
    cells = [[printable(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
    return "\n".join(lines)


def format_summary(heads: Sequence[str], rows: Sequence[Sequence[str]], summary: str) -> str:
    """Return a table and its summary; without rows, only the summary."""
    return f"{format_table(heads, rows)}\n\n{summary}" if rows else summary


def format_age(since: datetime, now: datetime) -> str:
    """Return the time since ``since``, in the largest unit that fits."""
    past = max(now - since, timedelta())
    for unit, name in (
        (timedelta(days=1), "d"),
        (timedelta(hours=1), "h"),
        (timedelta(minutes=1), "min"),
    ):
        if past >= unit:
            return f"{past // unit} {name}"
    return f"{past // timedelta(seconds=1)} s"


def print_text(text: str) -> None:
    """Print lines. Characters that control the terminal, or are invisible, are escaped."""
    _write(printable(text, keep="\n"))


def print_lines(lines: Iterable[str]) -> None:
    """Print lines. A line break inside a line is escaped, too."""
    _write("\n".join(map(printable, lines)))


def print_raw(text: str) -> None:
    """Print a text unchanged; on a terminal, escaped as ``print_text`` does."""
    if sys.stdout.isatty():
        print_text(text)
    else:
        _write(text)


def print_json(content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print JSON, for scripts. The output is ASCII; DEL (U+007F) is escaped, too."""
    text = json.dumps(content, indent=2)
    sys.stdout.write(text.replace("\x7f", "\\u007f") + "\n")


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text.encode(encoding, 'backslashreplace').decode(encoding)}\n")


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ESCAPED_CATEGORIES or character in INVISIBLE


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
