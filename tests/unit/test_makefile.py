"""Tests of what the Makefile installs."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("target", ["setup", "lint-templates", "second-cloud", "synth-alone"])
def test_only_wheels_with_known_hashes_are_installed(target: str):
    """Pip builds other packages with tools that no lock pins, in their newest versions."""
    always = [f"--what-if={path.name}" for path in ROOT.glob("requirements*.txt")]
    said = subprocess.run(
        ["make", "--dry-run", *always, target],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    installs = [line for line in said.splitlines() if "pip install" in line]

    assert installs
    for line in installs:
        assert "--require-hashes" in line
        assert "--only-binary :all:" in line
