"""Processes of Python functions that start in a quarter of the time.

AWS: an execution environment has the function's code unpacked, on a machine of its own.
MiniStack 1.5.33: each process of a function unpacks the code again, starts Python, imports boto3
and compiles the function's modules: a fifth of a second of a core. The demo starts some eighty.
Can go: when a process of a function takes a twentieth of a second of a core to start.
"""

import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime

from emulator import function_parent

_MILLISECONDS = 1_000
_forking, _unpacking = threading.Lock(), threading.Lock()


def install() -> None:
    """Fork processes of Python functions from one that has boto3; unpack the same code once."""
    lambda_runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": _started})
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": _Archive})


def _started(command: Sequence[str], **options: Any) -> "subprocess.Popen[str] | _Process":
    if command[0] != sys.executable:
        return subprocess.Popen(command, **options)
    return _Process(command[1], directory=options["cwd"], environment=options["env"])


class _Process:
    """The part of `subprocess.Popen` that the emulator uses, of a process that is forked."""

    def __init__(self, script: str, *, directory: str, environment: Mapping[str, str]) -> None:
        (inputs, self_in), (self_out, output), (self_err, errors), (self_end, end) = (
            os.pipe() for _ in range(function_parent.PIPES)
        )
        theirs = [inputs, output, errors, end]
        try:
            with _forking:
                socket.send_fds(_parent(), [b"."], theirs)
                answer = _parent().recv(function_parent.PROCESS_ID.size, socket.MSG_WAITALL)
        finally:
            for pipe in theirs:
                os.close(pipe)
        if not answer:
            raise RuntimeError("the process from which functions are forked has ended")
        self.stdin = os.fdopen(self_in, "w", buffering=1)
        self.stdout, self.stderr = os.fdopen(self_out), os.fdopen(self_err)
        self._end = os.fdopen(self_end, "rb", buffering=0)
        (self.pid,) = function_parent.PROCESS_ID.unpack(answer)
        setup = {"script": script, "directory": directory, "environment": dict(environment)}
        self.stdin.write(json.dumps(setup) + "\n")

    def poll(self) -> int | None:
        """Return None while the process runs; its exit code is not known."""
        return 0 if self._ended(0) else None

    def wait(self, timeout: float) -> int:
        """Wait until the process has ended.

        Raises:
            subprocess.TimeoutExpired: It has not after ``timeout`` seconds.
        """
        if not self._ended(timeout):
            raise subprocess.TimeoutExpired("function", timeout)
        return 0

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        # The id of a process that has ended may be another's by now.
        if self.poll() is None:
            os.kill(self.pid, number)

    def _ended(self, timeout: float) -> bool:
        end = select.poll()
        # That the other end is closed is always reported.
        end.register(self._end, 0)
        return bool(end.poll(timeout * _MILLISECONDS))


@cache
def _parent() -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        subprocess.Popen(
            # Without a directory of this project in `sys.path`.
            # All its processes show the last argument, so that they are seen to be this run's.
            [
                *(sys.executable, "-P", function_parent.__file__),
                *(str(theirs.fileno()), str(_unpacked_codes())),
            ],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    return ours


class _Archive(zipfile.ZipFile):
    """A function's code. What has the same content is unpacked once, and linked to."""

    def extractall(self, path: Any = None, *_: Any) -> None:
        content = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
        unpacked = _unpacked_codes() / content
        with _unpacking:
            if not unpacked.exists():
                # Where it exists it is whole, even if an earlier start was cut off.
                begun = unpacked.with_suffix(".part")
                super().extractall(begun)
                begun.rename(unpacked)
        Path(path).rmdir()
        Path(path).symlink_to(unpacked)


@cache
def _unpacked_codes() -> Path:
    return Path(tempfile.mkdtemp(prefix="functions-"))
