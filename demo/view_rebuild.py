"""Rebuild storefront's views with the operator's command, and compare them with the live ones."""

from collections.abc import Iterator
from typing import NamedTuple

from demo.ops_command import run_ops
from emulator.cloud import Cloud
from ops.views.registry import VIEWS


class RebuiltView(NamedTuple):
    """The result of a view's rebuild."""

    view: str
    equal: bool
    """Whether it equals the live view."""
    summary: str
    """What the command says of the comparison."""


def rebuild_views(cloud: Cloud) -> Iterator[RebuiltView]:
    """Rebuild each view next to the live one and compare them. Switch to none of them."""
    for view in VIEWS:
        command = run_ops(cloud, "view", "rebuild", view)
        summary = next(line for line in command.stdout.splitlines() if "equal: " in line)
        yield RebuiltView(view, command.returncode == 0, summary)
