import errno
import io
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import cast

import pytest
from botocore.exceptions import ConnectionClosedError
from urllib3.exceptions import ProtocolError

from demo import __main__ as demo
from demo import deployment
from demo.run import show_deployment
from demo.screen import Screen
from emulator.cloud import Cloud

INTERRUPTED_WHILE_IMPORTING = """\
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupt:
    def find_spec(self, name, *_):
        if name == "demo.preflight":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
runpy.run_module("demo", run_name="__main__", alter_sys=True)
"""


def test_ctrl_c_while_modules_are_imported_is_no_traceback():
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING], capture_output=True, text=True
    )

    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


def arguments(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    monkeypatch.setattr(sys, "argv", ["demo", *words])
    return demo._arguments()


def test_empty_file_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for command in ("run", "up"):
        with pytest.raises(SystemExit) as ended:
            arguments(monkeypatch, command, "--orders", "")
        assert ended.value.code == 2
        assert "ORDERS is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "ran"),
    [
        ((), "run"),
        (("ORDERS=",), 'run --orders "$ORDERS"'),
        (("ORDERS=a b.csv", "KEEP=1"), 'run --orders "$ORDERS" --keep'),
    ],
)
def test_make_passes_on_what_it_is_given(given: tuple[str, ...], ran: str):
    """An empty name of a file too: without it, the sample would be taken."""
    variables = {"ORDERS", "KEEP", "PORT", "MAKEFLAGS", "MAKELEVEL"}
    said = subprocess.run(
        ["make", "--dry-run", "demo", *given],
        cwd=Path(__file__).parents[3],
        env={name: value for name, value in os.environ.items() if name not in variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said.splitlines()[-1].split() == f"python -m demo {ran}".split()


@pytest.mark.parametrize("orders", ["0", "-5", "", "x"])
def test_chaos_without_orders_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], orders: str
):
    with pytest.raises(SystemExit) as ended:
        arguments(monkeypatch, "chaos", f"--orders={orders}")

    assert ended.value.code == 2
    assert "1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "env"), [((), "laptop"), (("--express",), "laptop-express")])
def test_chaos_deploys_the_sagas_that_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], env: str
):
    deployed: list[object] = []

    def deploy(cloud: object, *, context: object, **_: object) -> dict[str, str]:
        deployed.append(context)
        return {}

    monkeypatch.setattr(deployment, "deploy", deploy)
    express = getattr(arguments(monkeypatch, "chaos", *words), "express", None)
    assert express is not None
    show_deployment(cast(Cloud, None), Screen(io.StringIO()), express=express)

    assert deployed == [{"env": env}]


def test_demo_without_a_file_takes_the_sample_and_up_takes_none(monkeypatch: pytest.MonkeyPatch):
    assert getattr(arguments(monkeypatch, "run"), "orders", None) == demo.SAMPLE
    assert getattr(arguments(monkeypatch, "up"), "orders", "") is None


def test_closed_pipe_ends_the_demo_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def broken(*_: object, **__: object) -> None:
        raise BrokenPipeError

    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", closed)
        patch.setattr(sys, "argv", ["demo", "run"])
        patch.setattr(sys, "stderr", io.StringIO())
        patch.setattr("demo.__main__.check_tools", lambda: None)
        patch.setattr("demo.__main__.exclusive_lock", broken)
        patch.setattr(os, "umask", lambda _: 0)
        assert demo.main() == 141
        print("goes nowhere", file=closed, flush=True)


@pytest.mark.parametrize("command", ["run", "up", "chaos"])
def test_what_the_demo_writes_is_unreadable_for_other_users(
    monkeypatch: pytest.MonkeyPatch, command: str
):
    """It writes the run's key, with which code can run as this user."""
    masks: list[int] = []

    def ends(*_: object, **__: object) -> int:
        assert masks == [0o077]
        return 0

    monkeypatch.setattr(sys, "argv", ["demo", command])
    monkeypatch.setattr("demo.__main__.check_tools", lambda: None)
    monkeypatch.setattr("demo.__main__.exclusive_lock", nullcontext)
    for runs in ("demo.scenario.run_demo", "demo.up.up", "demo.chaos.run_chaos"):
        monkeypatch.setattr(runs, ends)
    monkeypatch.setattr(os, "umask", masks.append)

    assert demo.main() == 0


@pytest.mark.parametrize(
    "error", [ConnectionClosedError(endpoint_url="https://127.0.0.1:1/"), ProtocolError("gone")]
)
def test_cloud_that_ends_under_the_platform_is_one_line_and_no_broken_promise(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def gone(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(sys, "argv", ["demo", "up"])
    monkeypatch.setattr("demo.__main__.check_tools", lambda: None)
    monkeypatch.setattr("demo.__main__.exclusive_lock", gone)
    monkeypatch.setattr(os, "umask", lambda _: 0)

    assert demo.main() == 2
    said = capsys.readouterr().err
    assert said.startswith("the local cloud does not answer any more: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "[Errno 28] No space left on device\n"),
        (
            sqlite3.OperationalError("database or disk is full"),
            "the run's records cannot be written: database or disk is full\n",
        ),
        (KeyError("x"), "Traceback (most recent call last):\n"),
        (sqlite3.IntegrityError("not unique"), "Traceback (most recent call last):\n"),
    ],
)
def test_only_a_broken_promise_ends_the_demo_with_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, said: str
):
    def fails(*_: object, **__: object) -> None:
        raise error

    complaints = io.StringIO()
    with (tmp_path / "out").open("w") as out, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "argv", ["demo", "run"])
        patch.setattr(sys, "stderr", complaints)
        patch.setattr("demo.__main__.check_tools", lambda: None)
        patch.setattr("demo.__main__.exclusive_lock", fails)
        patch.setattr(os, "umask", lambda _: 0)
        assert demo.main() == 2

    assert complaints.getvalue().startswith(said)


def test_name_of_a_file_cannot_control_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["demo", "run", "--orders", "\x1b[2Jorders.csv"])
    monkeypatch.setattr("demo.__main__.check_tools", lambda: None)
    monkeypatch.setattr(os, "umask", lambda _: 0)

    assert demo.main() == 2
    assert capsys.readouterr().err.startswith("\\x1b[2Jorders.csv does not exist: ")


def test_closed_output_does_not_end_the_demo(monkeypatch: pytest.MonkeyPatch):
    used = list[object]()

    def up(*_: object, **__: object) -> int:
        used.append(sys.stdout)
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        patch.setattr(sys, "argv", ["demo", "up"])
        patch.setattr("demo.__main__.check_tools", lambda: None)
        patch.setattr("demo.__main__.exclusive_lock", nullcontext)
        patch.setattr("demo.up.up", up)
        patch.setattr(os, "umask", lambda _: 0)
        assert demo.main() == 0

    assert used != [None]
