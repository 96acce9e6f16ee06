"""The operator's command, run as an operator runs it."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

from local.cloud import Cloud


def ops(cloud: Cloud, *words: str) -> subprocess.Popen[str]:
    """Start ``python -m ops`` with these words."""
    return subprocess.Popen(
        [sys.executable, "-m", "ops", *words],
        env={**os.environ, **cloud.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # As from a terminal, also where whoever runs the tests does not heed it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def operated(cloud: Cloud, *words: str) -> tuple[int, str]:
    """How the command ended, and what it said."""
    command = ops(cloud, *words)
    said, _ = command.communicate(timeout=120)
    return command.returncode, said


def journey(cloud: Cloud, order: str) -> tuple[int, Any]:
    """An order's journey, as it is told to scripts."""
    code, said = operated(cloud, "order", order, "--json")
    assert said.startswith("{"), said
    return code, json.loads(said)
