"""Tables of Markdown pages that a benchmark computes."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
SHOWN = ("dev", "prod")
"""The environments that have tables."""


def show(page: Path, tables: Iterable[str], arguments: Sequence[str]) -> None:
    """Print the tables; with ``--write``, put them into the page in place of the ones there."""
    if list(arguments) == ["--write"]:
        page.write_text(updated(page.read_text(), tables))
    else:
        sys.stdout.write("\n\n".join(tables) + "\n")


def updated(page: str, tables: Iterable[str]) -> str:
    """Return the page with each table in place of the one with the same head.

    Of several tables with the same head, the first is for the page's first, and so on.
    """
    waiting = list(tables)
    blocks = page.rstrip("\n").split("\n\n")
    for number, block in enumerate(blocks):
        head = block.partition("\n")[0]
        for table in waiting:
            if table.partition("\n")[0] == head:
                blocks[number] = table
                waiting.remove(table)
                break
    return "\n\n".join(blocks) + "\n"
