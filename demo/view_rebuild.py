"""Views made afresh by the operator's own command, and held against the live ones."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from emulator.cloud import Cloud, CloudError
from ops.views.registry import VIEWS

_ROOT = Path(__file__).resolve().parent.parent
_EQUAL, _DIFFERENT = 0, 1


class RebuiltView(NamedTuple):
    """A view that was made afresh: whether it equals the live one, and what the command says."""

    view: str
    equal: bool
    summary: str


def rebuild_views(cloud: Cloud) -> Iterator[RebuiltView]:
    """Rebuild view after view beside the live one; none is switched to."""
    for view in VIEWS:
        command = subprocess.run(
            [sys.executable, "-m", "ops", "view", "rebuild", view],
            cwd=_ROOT,
            env={**os.environ, **cloud.environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        if command.returncode not in (_EQUAL, _DIFFERENT):
            raise CloudError(f"The rebuild of {view} failed: {command.stderr.strip()}")
        summary = next(line for line in command.stdout.splitlines() if "equal: " in line)
        yield RebuiltView(view, command.returncode == _EQUAL, summary)
