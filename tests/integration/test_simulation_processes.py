"""A simulation leaves no process and no file behind, in whatever way it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from emulator.polling import poll
from simulation import ledger
from tests.support.signals import obey_signals

_RUN = """
from simulation import processes
from tests.integration.test_simulation_processes import serve
processes.end_tidily_on_signals()
with processes.pool(1) as pool:
    pool.submit(serve).result()
"""


def serve() -> None:
    """Start the ledger's server, say so, and work for longer than the test."""
    ledger.server()
    os.write(1, b"serves\n")
    time.sleep(100)


@pytest.fixture
def directory() -> Iterator[Path]:
    """Yield a directory that PostgreSQL may enter: root runs it as another user."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_run_that_is_ended_by_a_signal_leaves_nothing(ending: str, directory: Path):
    with subprocess.Popen(
        [sys.executable, "-c", _RUN],
        env={**os.environ, "TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=obey_signals,
    ) as run:
        try:
            assert run.stdout
            assert run.stdout.readline() == b"serves\n"
            number = signal.Signals[ending]
            if number == signal.SIGKILL:
                run.kill()
            else:
                os.killpg(run.pid, number)
            # It ends when the last process has closed it, PostgreSQL too.
            run.communicate(timeout=20)
        finally:
            if run.poll() is None or is_left(run.pid):
                os.killpg(run.pid, signal.SIGKILL)

    assert poll(lambda: not list(directory.glob("orders-simulation-*")), seconds=5)


def is_left(group: int) -> bool:
    """Return whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
