"""The operator's command, run as an operator runs it or in this process."""

import io
import json
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest

from demo.ops_command import start_ops
from emulator.cloud import Cloud
from ops.__main__ import main
from tests.support.signals import obey_signals
from tests.support.waiting import TIMEOUT_SECONDS


def ops(cloud: Cloud, *words: str) -> subprocess.Popen[str]:
    """Start ``python -m ops`` with these words."""
    return start_ops(
        cloud,
        *words,
        stderr=subprocess.STDOUT,
        preexec_fn=obey_signals,
    )


def run_ops(cloud: Cloud, *words: str) -> tuple[int, str]:
    """Run the command; return its exit status and its output."""
    command = ops(cloud, *words)
    output, _ = command.communicate(timeout=5 * TIMEOUT_SECONDS)
    return command.returncode, output


def run_ops_in_process(cloud: Cloud, *words: str) -> tuple[int, str, str]:
    """Run the command in this process, which is faster; return exit status, output and errors."""
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
    """Return the exit status and the order's journey as JSON."""
    code, output = run_ops(cloud, "order", "show", order, "--json")
    assert output.startswith("{"), output
    return code, json.loads(output)
