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

    Those that are rebuilt from the archive take turns, as one replay runs at a time. Meanwhile
    another process rebuilds the others.
    """
    with ExitStack() as started:
        others = {}
        for view in VIEWS:
            if VIEWS[view].source is not OrderEventSource:
                process = start_ops(cloud, "view", "rebuild", view, stderr=subprocess.PIPE)
                others[view] = started.enter_context(process)
                started.callback(process.terminate)
        for view in VIEWS:
            begun = others.get(view)
            command = completed(begun) if begun else run_ops(cloud, "view", "rebuild", view)
            summary = next(line for line in command.stdout.splitlines() if "equal: " in line)
            yield RebuiltView(view, command.returncode == 0, summary)
