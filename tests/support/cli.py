"""The operator's command, run as an operator runs it."""

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest

from emulator.cloud import Cloud
from ops.__main__ import main
from tests.support.small_stacks import PATIENCE


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


def run_ops(cloud: Cloud, *words: str) -> tuple[int, str]:
    """How the command ended, and what it said."""
    command = ops(cloud, *words)
    said, _ = command.communicate(timeout=5 * PATIENCE)
    return command.returncode, said


def run_ops_in_process(cloud: Cloud, *words: str) -> tuple[int, str, str]:
    """The same in this process, as it is quicker; what it ends with, and says."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["ops", *words])
        before = signal.getsignal(signal.SIGTERM)
        try:
            code = main()
        finally:
            signal.signal(signal.SIGTERM, before)
    return code, out.getvalue(), err.getvalue()


def journey(cloud: Cloud, order: str) -> tuple[int, Any]:
    """An order's journey, as it is told to scripts."""
    code, said = run_ops(cloud, "order", "show", order, "--json")
    assert said.startswith("{"), said
    return code, json.loads(said)
