"""A forked process of a function is like one that was started by itself."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.core import lambda_runtime

from emulator.patches import forked_functions

CODE = """
import importlib.util, os, sys

def handler(event, context):
    print("seen by nobody")
    return {
        "variables": {name: os.environ.get(name) for name in event},
        "directory": os.getcwd(),
        "project": [name for name in ("emulator", "gateway") if importlib.util.find_spec(name)],
        "boto3": "boto3" in sys.modules,
    }
"""


@pytest.fixture(autouse=True)
def _forked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(lambda_runtime, "subprocess", subprocess)
    monkeypatch.setattr(lambda_runtime, "zipfile", zipfile)
    monkeypatch.setattr(forked_functions, "_unpacked_codes", lambda: tmp_path)
    forked_functions.install()
    forked_functions._parent.cache_clear()
    yield
    forked_functions._parent().close()
    forked_functions._parent.cache_clear()


def worker(code: str = CODE, **variables: str) -> Any:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        # With a time of its own: the same code is the same archive.
        written.writestr(zipfile.ZipInfo("greet.py"), code)
    config = {
        "FunctionName": "greet",
        "FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:greet",
        "Runtime": "python3.13",
        "Handler": "greet.handler",
        "Environment": {"Variables": variables},
    }
    started = lambda_runtime.Worker("greet", config, archive.getvalue())
    started._spawn()
    return started


def test_function_has_its_own_variables_and_nothing_of_this_project():
    first, second = worker(NAME="first"), worker(NAME="second", ONLY_SECOND="x")
    event = ["NAME", "ONLY_SECOND", "AWS_LAMBDA_FUNCTION_NAME"]
    try:
        answers = [process.invoke(event, "id")["result"] for process in (first, second)]
    finally:
        lambda_runtime.kill_workers([first, second])
    assert [answer["variables"] for answer in answers] == [
        {"NAME": "first", "ONLY_SECOND": None, "AWS_LAMBDA_FUNCTION_NAME": "greet"},
        {"NAME": "second", "ONLY_SECOND": "x", "AWS_LAMBDA_FUNCTION_NAME": "greet"},
    ]
    # Neither its packages nor the modules in the folder of the forked script.
    assert [answer["project"] for answer in answers] == [[], []]
    assert {answer["boto3"] for answer in answers} == {True}


def test_same_code_is_unpacked_and_compiled_once(tmp_path: Path):
    first, second, other = worker(), worker(), worker(f"{CODE}\n")
    try:
        directories = [each.invoke([], "id")["result"]["directory"] for each in (first, second)]
    finally:
        lambda_runtime.kill_workers([first, second, other])
    assert directories[0] == directories[1]
    assert len(list(tmp_path.iterdir())) == 2
    version = sys.implementation.cache_tag
    assert (Path(directories[0]) / "__pycache__" / f"greet.{version}.pyc").exists()


def test_end_of_a_process_is_seen(monkeypatch: pytest.MonkeyPatch):
    started = worker()
    process = started._proc
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    assert process.poll() is None
    process.kill()
    assert process.wait(5) == 0
    assert process.poll() == 0
    with monkeypatch.context() as patch:
        # Its id may be another's by now: nothing is sent to it.
        patch.setattr("os.kill", pytest.fail)
        process.terminate()
    assert started.invoke([], "id")["cold_start"]
    started.kill()


def test_code_that_cannot_be_imported_is_an_error_of_the_start():
    with pytest.raises(RuntimeError, match="No module named 'missing'"):
        worker("import missing")
