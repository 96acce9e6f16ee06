"""A worker that cannot run says so in one line of its log, and ends with 1."""

import json
import os
import subprocess
import sys

import pytest

from workers.runtime import health
from workers.runtime.program import exit_code
from workers.runtime.shutdown import Shutdown
from workers.warehouse import __main__ as warehouse

SETTINGS = {
    **dict.fromkeys(("GRACE_SECONDS", "WAIT_SECONDS", "LEASE_SECONDS", "HEALTH_PORT"), "1"),
    "AWS_DEFAULT_REGION": "eu-west-1",
    **{name: name for name in ("GROUP", "EVENT_BUS", "STOCK_TABLE", "PICKINGS_TABLE")},
    "STOCK_QUEUE_URL": "http://127.0.0.1:9/stock",
    "STOCK_DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:9/stock-dead",
    "PICKING_QUEUE_URL": "http://127.0.0.1:9/picking",
    "PICKING_DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:9/picking-dead",
}


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker has all of its settings, and leaves the signals of the tests alone."""

    def stop_on_signals(_: Shutdown) -> None: ...

    monkeypatch.setattr(warehouse, "stop_on_signals", stop_on_signals)
    for name, text in SETTINGS.items():
        monkeypatch.setenv(name, text)


@pytest.mark.parametrize("name", ["GRACE_SECONDS", "WAIT_SECONDS", "LEASE_SECONDS", "HEALTH_PORT"])
def test_setting_that_is_no_number_is_named_in_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv(name, "soon")

    assert exit_code(warehouse.main) == 1

    assert json.loads(capsys.readouterr().out) == {
        "message": "worker_failed",
        "level": "ERROR",
        "error": f"{name} is 'soon': it must be a whole number, 0 or more",
    }


def test_port_that_is_taken_is_logged_in_one_line_with_its_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def serve(port: int, _: object) -> None:
        raise OSError(f"port {port} is taken")

    monkeypatch.setattr(health, "serve", serve)

    assert exit_code(warehouse.main) == 1

    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["error"]) == ("worker_failed", "OSError('port 1 is taken')")
    assert "in serve" in line["trace"]


def test_worker_that_drained_ends_with_0(capsys: pytest.CaptureFixture[str]):
    assert exit_code(lambda: None) == 0
    assert capsys.readouterr().out == ""


def test_process_without_a_setting_ends_with_1_and_one_line():
    ended = subprocess.run(
        [sys.executable, "-m", "workers.warehouse"],
        env={name: text for name, text in os.environ.items() if name != "GRACE_SECONDS"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (1, "")
    assert "GRACE_SECONDS is not set" in json.loads(ended.stdout)["error"]
