"""Folders of Python code that become assets, with bytecode for the functions' runtime or without.

Python writes bytecode next to a module when it first imports it. In Lambda it cannot, so that every
cold start compiles every module again: that is more than half of the start. Bytecode that is
shipped must not be checked against its source's time, because all files of an asset have the same:
https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
"""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from stacks.setting_checks import InvalidSettingError

ROOT = Path(__file__).resolve().parents[2]

# Published cold starts on arm64, p50/p90: 80/87 ms on 3.13, 102/114 ms on 3.14 (ADR 4).
RUNTIME = lambda_.Runtime.PYTHON_3_13
CONTEXT = "bytecode"
"""The context value with the Python that compiles; without it, assets have sources only."""


def compiler(scope: IConstruct) -> str | None:
    """Return the Python that compiles assets, by ``-c bytecode=PYTHON``; None if none is to.

    Raises:
        InvalidSettingError: it does not exist, or is not the functions' version of Python.
    """
    python = scope.node.try_get_context(CONTEXT)
    if python:
        _check_version(str(python))
    return str(python) if python else None


def code_asset(
    fill: Callable[[Path], None], *, source: str, mounted: str, python: str | None
) -> lambda_.Code:
    """Return the asset of a folder that ``fill`` makes.

    Args:
        fill: writes the code into an empty folder.
        source: what identifies the code: its hash, or the versions of its packages.
        mounted: where Lambda puts the folder, which stack traces then name.
        python: the Python that compiles; None for no bytecode.
    """
    digest = asset_hash(source, compiled=bool(python))
    folder = kept_folder(ROOT / "build" / "assets" / digest[:16], fill, mounted, python)
    return lambda_.Code.from_asset(str(folder), asset_hash=digest)


def asset_hash(source: str, *, compiled: bool) -> str:
    """Return an asset's hash, made of its sources, the runtime, and whether it has bytecode.

    The bytecode itself is not in the hash: Python 3.13.0 and 3.13.9 may compile the same source
    differently.
    """
    contents = "bytecode" if compiled else "sources"
    return sha256(f"{source} {RUNTIME.name} {contents}".encode()).hexdigest()


def kept_folder(
    folder: Path, fill: Callable[[Path], None], mounted: str = "", python: str | None = None
) -> Path:
    """Return ``folder``. If it does not exist, fill it, and compile its modules with ``python``."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            fill(made)
            if python:
                _compile(made, mounted, python)
            # A concurrent synthesis may have created it, from the same sources.
            with suppress(OSError):
                made.rename(folder)
    return folder


def _compile(folder: Path, mounted: str, python: str) -> None:
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", mounted]
    subprocess.run([python, "-m", "compileall", "-q", *options, str(folder)], check=True)


@cache
def _check_version(python: str) -> None:
    wanted = RUNTIME.name.removeprefix("python")
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        found = subprocess.run(
            [python, "-c", program], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        found = str(error)
    if found != wanted:
        raise InvalidSettingError(
            f"-c {CONTEXT}={python} must be Python {wanted}, on which functions run: {found}"
        )
