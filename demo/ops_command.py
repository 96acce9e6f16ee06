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
    with start_ops(cloud, *words, stderr=subprocess.PIPE) as process:
        try:
            output, errors = process.communicate()
        except BaseException:
            process.terminate()
            raise
    if process.returncode >= _FAILED:
        raise CloudError(f"python -m ops {' '.join(words)} failed: {errors.strip()}")
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
