"""A process in place of an instance ends as a service of systemd does."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emulator import instances

_STUCK = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("stuck", flush=True)
time.sleep(60)
"""


def test_program_that_does_not_end_in_time_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(instances, "_STOP_SECONDS", 0.1)
    command = [sys.executable, "-c", _STUCK]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        instance = instances.InstanceProcess(process=process, log=tmp_path / "log")
        try:
            assert instance.stop() == -signal.SIGKILL
        finally:
            process.kill()


def test_nothing_of_an_ended_program_stays_open(tmp_path: Path):
    cloud: Any = SimpleNamespace(directory=tmp_path)
    with instances.running_instance(
        cloud, "no.such.module", name="worker", environment=os.environ
    ) as instance:
        instance.process.wait()

    assert instance.process.stdin
    assert instance.process.stdin.closed
