"""The command as a process: no traceback, whatever is missing, closed or interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops.__main__ import INTERRUPTION
from tests.support.signals import obey_signals

INTERRUPTED_AT_AN_IMPORT = """
import os, runpy, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "ops.commands":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
runpy.run_module("ops", run_name="__main__")
"""


def run(*words: str, out: Path | None = None, unbuffered: str = "") -> tuple[int, str]:
    """Run Python with these arguments; return its exit code and its errors."""
    with (out or Path("/dev/null")).open("w") as file:
        ended = subprocess.run(
            [sys.executable, *words],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            preexec_fn=obey_signals,
        )
    return ended.returncode, ended.stderr


def test_python_without_botocore_gets_one_line_that_says_what_to_do():
    # Without the module `site`, no package that was installed is found.
    code, err = run("-S", "-m", "ops", "dlq", "list")

    assert (code, err.count("\n")) == (2, 1), err
    assert "run make setup" in err


def test_reader_that_closes_the_pipe_gets_no_traceback():
    with subprocess.Popen(
        [sys.executable, "-m", "ops", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        assert b"Traceback" not in command.stderr.read()


def test_interruption_at_the_start_gets_no_traceback():
    assert run("-c", INTERRUPTED_AT_AN_IMPORT, "dlq", "list") == (-signal.SIGINT, "")


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_interruption_at_the_end_gets_no_traceback(ending: str):
    code = f"""
import atexit, os, runpy, signal
atexit.register(lambda: os.kill(os.getpid(), signal.{ending}))
runpy.run_module("ops", run_name="__main__")
"""
    ended, err = run("-c", code, "dlq", "list", "--env", "none")

    assert ended == -signal.Signals[ending]
    assert "Traceback" not in err


@pytest.mark.parametrize("closed", [1, 2])
def test_closed_output_gets_no_traceback(closed: int):
    code = f"""
import os, sys
os.close({closed})
os.execv(sys.executable, [sys.executable, "-m", "ops", "dlq", "list"])
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**clean, "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"},
    )

    assert ended.returncode == 2
    assert ended.stderr.startswith("no region: ") == (closed == 1)
    assert "Traceback" not in ended.stderr


def test_output_that_cannot_be_written_is_one_line():
    code = """
import sys
from ops import __main__ as ops
from ops.output import print_text
ops.deployed = lambda _: print_text("x" * 100_000)
sys.exit(ops.main())
"""
    assert run("-c", code, "dlq", "list", out=Path("/dev/full")) == (
        2,
        "[Errno 28] No space left on device\n",
    )


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("OperationError('no')", 2, "no\n"),
        ("KeyboardInterrupt", 130, INTERRUPTION),
        ("SystemExit(143)", 143, INTERRUPTION),
        ("KeyError('x')", 2, "Traceback"),
        ("noted(OperationError('no'))", 2, "no; some is left\n"),
        ("noted(KeyboardInterrupt())", 130, f"{INTERRUPTION}; some is left\n"),
        ("noted(SystemExit(143))", 143, f"{INTERRUPTION}; some is left\n"),
        ("noted(BrokenPipeError())", 141, "some is left\n"),
    ],
)
def test_error_is_said_though_the_output_cannot_be_written(ending: str, code: int, said: str):
    program = f"""
import sys
from ops import __main__ as ops
from ops.deployed import OperationError
from ops.output import print_text
def noted(error):
    error.add_note("some is left")
    return error
def deployed(_):
    print_text("x")
    raise {ending}
ops.deployed = deployed
sys.exit(ops.main())
"""
    ended, err = run("-c", program, "dlq", "list", out=Path("/dev/full"))

    assert ended == code
    assert err.startswith(said)
    assert "OSError" not in err


def test_output_that_takes_no_other_characters_than_ascii_gets_them_escaped():
    with Path("/dev/null").open("w") as out:
        ended = subprocess.run(
            [sys.executable, "-m", "ops", "dlq", "show", "--help"],
            stdout=out,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            check=False,
        )

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_unforeseen_error_does_not_end_like_work_that_is_left():
    code = """
import sys
from ops import __main__ as ops
ops.deployed = lambda _: {}["\x1b[2J"]
sys.exit(ops.main())
"""
    ended, err = run("-c", code, "dlq", "list")

    assert ended == 2
    assert err.endswith("KeyError: '\\x1b[2J'\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["--help"], ["order", "show", "--help"]])
def test_help_that_cannot_be_written_is_one_line(words: list[str], unbuffered: str):
    ended = run("-m", "ops", *words, out=Path("/dev/full"), unbuffered=unbuffered)

    assert ended == (2, "[Errno 28] No space left on device\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_error_that_cannot_be_written_keeps_its_code(unbuffered: str):
    settings = {"AWS_CONFIG_FILE": "/dev/null", "AWS_DEFAULT_REGION": ""}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "ops", "order", "list"],
            stdout=subprocess.DEVNULL,
            stderr=full,
            check=False,
            env={**os.environ, **settings, "PYTHONUNBUFFERED": unbuffered},
        )

    assert ended.returncode == 2
