"""Draw the figures of `docs/performance.md`: `python -m bench.pictures` writes the SVGs.

They are drawn from what was measured (`docs/figures`) and what is counted, so drawing again changes
nothing unless a figure did. A test compares them.
"""

import sys
from collections.abc import Mapping
from statistics import median
from typing import Any

from bench.bar_chart import render_bars
from bench.busy import BURST_RATE
from bench.costs import CostItem, idle_costs, order_costs, synthesize
from bench.figures import FOLDER, read_figures
from bench.order_path import order_paths
from ops.prices import EMAIL
from stacks.environments import ENVIRONMENTS, Environment

SHOWN = 8
"""How many lines of a table have a bar of their own."""


def pictures(dev: Environment, templates: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the SVG of each picture by its file's name; of ``dev``, its templates are counted."""
    orders = [item for item in order_costs(1_000_000) if item.price is not EMAIL]
    return {
        "cold_start.svg": render_bars(
            "Cold start: milliseconds of CPU, medians", _cold_starts(read_figures("cold_start"))
        ),
        "order.svg": render_bars("A million orders without mails: USD", _largest(orders)),
        "at_rest.svg": render_bars(
            "dev at rest: USD a month", _largest(idle_costs(dev, templates))
        ),
        "order_path.svg": render_bars(
            "Until an order is confirmed: USD a million",
            {name: sum(path.dollars().values()) for name, path in order_paths().items()},
        ),
        "throughput.svg": render_bars(
            "On a laptop: orders ended a second", _throughputs(read_figures("busy"))
        ),
    }


def _largest(items: list[CostItem]) -> dict[str, float]:
    """Return the costs of the largest items by description, and of the others together."""
    ordered = sorted(items, key=lambda item: -item.cost)
    bars = {item.description: item.cost for item in ordered[:SHOWN]}
    return {**bars, "all others": sum(item.cost for item in ordered[SHOWN:])}


def _cold_starts(figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the medians of what is compared, over the functions."""

    def medians(of: str) -> list[float]:
        rounds = [function[of] for function in figures["functions"].values()]
        return [median(cpu for _, cpu in each) for each in rounds]

    ours = medians("function")
    return {
        "empty handler": median(medians("empty")),
        "ours: the function in the middle": median(ours),
        "ours: the slowest function": max(ours),
        "plain clients, in the middle": median(medians("plain")),
        "all-in handler, in the middle": median(medians("all_in")),
    }


def _throughputs(figures: Mapping[str, Any]) -> dict[str, float]:
    """Return how many orders end in a second, without and with more than the laptop bears."""
    bars = {}
    for saga in ("Standard", "Express"):
        run = figures["runs"][f"burst {saga.upper()}"]
        bars[f"{saga}, no more than it bears"] = run["unsaturated_per_second"]
        bars[f"{saga}, {BURST_RATE:.0f} a second offered"] = run["ended_per_second"]
    return bars


def main() -> int:
    """Write the pictures."""
    for name, svg in pictures(ENVIRONMENTS["dev"], synthesize("dev")).items():
        (FOLDER / name).write_text(svg)
    return 0


if __name__ == "__main__":
    sys.exit(main())
