import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo import preflight
from demo.preflight import UnreadyError, check_tools, exclusive_lock

ROOT = preflight.ROOT


def node(folder: Path, says: str) -> None:
    program = folder / "node"
    program.write_text(f"#!/bin/sh\necho {says}\n")
    program.chmod(0o755)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_missing_node_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreadyError, match=r"Node\.js is missing: install"):
        check_tools()


@pytest.mark.parametrize("version", ["v18.20.1", "v8.0.0", ""])
def test_old_or_broken_node_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str):
    node(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(UnreadyError, match=f"is {version or 'broken'} .* install 20 or later"):
        check_tools()


def test_missing_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    node(tmp_path, "v22.1.0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(preflight, "PACKAGES", ("json", "no_such_package"))
    with pytest.raises(UnreadyError, match=r"\(no_such_package\): run 'make setup'"):
        check_tools()


def test_missing_cdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    node(tmp_path, "v20.0.0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(preflight, "ROOT", tmp_path)
    monkeypatch.setattr(preflight, "PACKAGES", ())
    with pytest.raises(UnreadyError, match=r"CDK command line is missing .* 'make setup'"):
        check_tools()
    (tmp_path / "node_modules" / "aws-cdk").mkdir(parents=True)
    check_tools()


def test_second_run_is_refused_and_the_first_is_named(tmp_path: Path):
    lock = tmp_path / "made" / "lock"
    with exclusive_lock(lock):
        running = rf"running already \(process {os.getpid()}, since"
        for _ in range(2):
            with pytest.raises(UnreadyError, match=running), exclusive_lock(lock):
                pass
    with exclusive_lock(lock):
        pass


def test_killed_run_leaves_no_lock(tmp_path: Path):
    lock = tmp_path / "lock"
    code = (
        "import sys, pathlib, os\n"
        "from demo.preflight import exclusive_lock\n"
        f"with exclusive_lock(pathlib.Path({str(lock)!r})): os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert killed.returncode == -9
    assert lock.read_text().startswith("process ")
    with exclusive_lock(lock):
        assert lock.read_text().startswith(f"process {os.getpid()}")


def test_lock_that_cannot_be_made_is_an_error_of_one_line(tmp_path: Path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(UnreadyError, match="cannot be written"),
        exclusive_lock(tmp_path / "file" / "lock"),
    ):
        pass


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ("a;b\n1;2\n", "lacks the columns InvoiceNo"),
    ],
)
def test_bad_orders_file_is_one_line_and_status_2(
    tmp_path: Path, content: str | None, message: str
):
    path = tmp_path / "orders.csv"
    if content is not None:
        path.write_text(content)
    ended = run("run", "--orders", str(path))
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_missing_tool_is_one_line_and_status_2(tmp_path: Path):
    ended = run("up", PATH=str(tmp_path))
    assert ended.returncode == 2
    assert ended.stderr == ("Node.js is missing: install Node.js 20 or later (22 is advised).\n")


def test_bad_port_is_refused():
    ended = run("up", "--port", "70000")
    assert ended.returncode == 2
    assert "70000 is not a port" in ended.stderr
