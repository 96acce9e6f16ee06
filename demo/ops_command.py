"""Run the operator's command as a person does in a shell."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emulator.cloud import Cloud, CloudError

_ROOT = Path(__file__).resolve().parent.parent
_FAILED = 2


def start_ops(
    cloud: Cloud, *words: str, program: Sequence[str] = ("-m", "ops"), **options: Any
) -> subprocess.Popen[str]:
    """Start `python -m ops` with these arguments; `options` are those of `Popen`."""
    return subprocess.Popen(
        [sys.executable, *program, *words],
        cwd=_ROOT,
        env={**os.environ, **cloud.environment()},
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def run_ops(cloud: Cloud, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m ops` with these arguments; return the completed process with its output.

    Raises:
        CloudError: The command failed.
    """
    return completed(start_ops(cloud, *words, stderr=subprocess.PIPE))


def completed(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a command that was started with all its output kept; end it if the wait is ended.

    Raises:
        CloudError: The command failed.
    """
    with process:
        try:
            output, errors = process.communicate()
        except BaseException:
            process.terminate()
            raise
    if process.returncode >= _FAILED:
        command = " ".join(map(str, process.args[1:]))  # type: ignore[index]
        raise CloudError(f"python {command} failed: {errors.strip()}")
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
