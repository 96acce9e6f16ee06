"""Compute which part reaches its limit first, at which rate of orders, and how to raise the limit.

`python -m bench.scaling` prints the tables of `docs/scaling.md`: for each part of the platform, how
much of it an order takes, how much there is of it, and so how many orders a second it bears. What
an order takes is counted in the templates and the design, measured, or assumed. What there is comes
from the templates' settings and from AWS's default quotas. `--write` puts the tables into the page.
Tests compare the page with this module, and this module with the templates.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from math import ceil

from bench.costs import Templates, synthesize
from bench.one_sku import sku_limits
from bench.page_tables import DOCS, SHOWN, show
from bench.platform_parts import Part, Whose, parts
from stacks.environments import ENVIRONMENTS

RATES = (10, 100, 1_000, 10_000)
"""Orders a second."""
CELL_RATE = 1_000
"""The orders per second of a cell: the limit of ``prod``'s settings with raised quotas."""
HEADROOM = 1.25
"""The factor by which requested quotas exceed what is needed."""


def giving_way(found: Sequence[Part], rate: int) -> list[Part]:
    """Return the parts whose limit is below ``rate`` orders per second, the lowest first."""
    return [part for part in found if part.orders < rate]


def cells(rate: int) -> int:
    """Return the number of cells that ``rate`` orders per second need, each in its own account."""
    return ceil(rate / CELL_RATE)


def render_tables(environments: Mapping[str, Templates]) -> Iterator[str]:
    """Yield the tables of the page in Markdown: that of the largest environment first."""
    for name, templates in reversed(list(environments.items())):
        found = parts(ENVIRONMENTS[name], templates)
        yield _table(
            ["orders a second", "of what", "an order takes", "there is", "whose", "moved by"],
            [
                (
                    _number(part.orders),
                    part.name,
                    f"{part.per_order:.3g}",
                    _number(part.limit),
                    part.whose,
                    part.moved_by,
                )
                for part in found
            ],
        )
    weakest = parts(ENVIRONMENTS["prod"], environments["prod"])
    yield _table(
        ["at so many orders a second", "`dev`: gives way first", "`prod`", "`prod`: what fails"],
        [_row(rate, environments) for rate in RATES],
    )
    yield _table(
        ["beyond its limit", "it looks like"], [(part.name, part.looks_like) for part in weakest]
    )
    yield _table(
        ["ask AWS for", f"at {CELL_RATE:,} orders a second", "default"],
        [
            (
                part.moved_by,
                _number(part.per_order * CELL_RATE * HEADROOM),
                _number(part.limit),
            )
            for part in giving_way(weakest, CELL_RATE)
        ],
    )
    yield _table(
        ["changes of one SKU pass", "at most so many a second", "beyond that"],
        [
            (limit.name, _number(limit.changes), limit.beyond)
            for limit in sku_limits(environments["prod"])
        ],
    )


def _row(rate: int, environments: Mapping[str, Templates]) -> tuple[str, ...]:
    dev, prod = (
        giving_way(parts(ENVIRONMENTS[name], environments[name]), rate) for name in ("dev", "prod")
    )
    needed = f" Needs {cells(rate)} cells" if cells(rate) > 1 else ""
    return (
        f"{rate:,}",
        _first(dev),
        _first(prod),
        f"{'; '.join(part.name for part in prod) or 'nothing'}.{needed}",
    )


def _first(failing: Sequence[Part]) -> str:
    return f"{failing[0].name} ({failing[0].whose})" if failing else "nothing"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Print all tables, or write them into the page."""
    tables = render_tables({name: synthesize(name) for name in SHOWN})
    show(DOCS / "scaling.md", tables, sys.argv[1:])
    return 0


__all__ = ["CELL_RATE", "RATES", "Whose", "cells", "giving_way", "main", "render_tables"]

if __name__ == "__main__":
    sys.exit(main())
