"""Tables, ages and JSON, as an operator and a script read them."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

MAX_LENGTH = 160
"""So much of an event is shown in a line; ``--json`` shows all of it."""


def format_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as what is in them, the last as wide as it likes."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    )
    return "\n".join(lines)


def format_age(since: datetime, now: datetime) -> str:
    """How long ago, in the largest unit of which there is one."""
    past = max(now - since, timedelta())
    for unit, name in (
        (timedelta(days=1), "d"),
        (timedelta(hours=1), "h"),
        (timedelta(minutes=1), "min"),
    ):
        if past >= unit:
            return f"{past // unit} {name}"
    return f"{past // timedelta(seconds=1)} s"


def one_line(event: Any, *, max_length: int = MAX_LENGTH) -> str:
    """An event in one line, cut off if it is long."""
    text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def print_text(text: str) -> None:
    """Show it on standard output, where unpaired halves of characters are as they are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text.encode(encoding, 'backslashreplace').decode(encoding)}\n")


def print_json(content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Show it for a script."""
    sys.stdout.write(f"{json.dumps(content, indent=2)}\n")
