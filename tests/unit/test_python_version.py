"""Tests that functions, workers, checks and documentation agree on the version of Python."""

import re
import tomllib
from pathlib import Path

import pytest

from stacks.constructs.assets import RUNTIME

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = RUNTIME.name.removeprefix("python")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text()


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("Makefile", r"LAMBDA_PYTHON := (\S+)"),
        ("pyproject.toml", r'python_version = "([^"]+)"'),
        ("workers/host/install.sh", r"install .*python(3\.\d+)"),
        ("workers/host/worker.service", r"/usr/bin/python(3\.\d+)"),
        (".github/workflows/ci.yml", r'python-version: "([^"]+)"'),
        (".devcontainer/devcontainer.json", r"python:(3\.\d+)-"),
    ],
)
def test_file_names_the_version_of_the_functions(file: str, pattern: str) -> None:
    assert set(re.findall(pattern, (ROOT / file).read_text())) == {PRODUCTION}


def test_workflow_runs_every_version_from_the_oldest_supported() -> None:
    [listed] = re.findall(r"python: \[(.*)\]", WORKFLOW)
    oldest = SETTINGS["project"]["requires-python"].removeprefix(">=")
    versions = re.findall(r"[\d.]+", listed)

    assert versions[0] == oldest
    assert PRODUCTION in versions
    assert SETTINGS["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
