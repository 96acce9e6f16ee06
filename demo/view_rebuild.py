"""Rebuild storefront's views with the operator's command, and compare them with the live ones."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from demo.ops_command import completed, run_ops, start_ops
from emulator.cloud import Cloud
from ops.views.registry import VIEWS
from ops.views.sources import OrderEventSource


class RebuiltView(NamedTuple):
    """The result of a view's rebuild."""

    view: str
    equal: bool
    """Whether it equals the live view."""
    summary: str
    """What the command says of the comparison."""


def rebuild_views(cloud: Cloud) -> Iterator[RebuiltView]:
    """Rebuild each view next to the live one and compare them. Switch to none of them.

    Those of orders' events share a replay. Meanwhile another process rebuilds the others.
    """
    of_orders = [view for view in VIEWS if VIEWS[view].source is OrderEventSource]
    others = [view for view in VIEWS if view not in of_orders]
    with ExitStack() as started:
        process = start_ops(cloud, "view", "rebuild", *others, stderr=subprocess.PIPE)
        begun = started.enter_context(process)
        started.callback(process.terminate)
        yield from _results(run_ops(cloud, "view", "rebuild", *of_orders), of_orders)
        yield from _results(completed(begun), others)


def _results(command: subprocess.CompletedProcess[str], views: list[str]) -> Iterator[RebuiltView]:
    lines = [line.partition(" ") for line in command.stdout.splitlines()]
    for view in views:
        summary = next(said for name, _, said in lines if name == view and "equal: " in said)
        yield RebuiltView(view, summary.startswith("equal: "), summary)
