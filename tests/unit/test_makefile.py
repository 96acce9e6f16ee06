"""Tests that the Makefile and the benchmarks run nothing that others may have written."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import cold_start

ROOT = Path(__file__).resolve().parents[2]
RUNNING = f"python{sys.version_info.major}.{sys.version_info.minor}"


def dry_run(*arguments: str) -> str:
    """Return the commands that make would run."""
    return subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_checkov_keeps_its_pickled_grammar_in_the_checkout():
    """Its parser unpickles a file of a known name in the temporary directory."""
    said = dry_run("lint-templates")

    [folder] = re.findall(r'^TMPDIR="([^"]+)" \S+/checkov ', said, re.MULTILINE)
    assert Path(folder).is_relative_to(ROOT)
    assert f"mkdir -p {Path(folder).relative_to(ROOT)}\n" in said


@pytest.mark.parametrize("target", ["setup", "lint-templates", "second-cloud", "synth-alone"])
def test_only_wheels_with_known_hashes_are_installed(target: str):
    """Pip builds other packages with tools that no lock pins, in their newest versions."""
    always = [f"--what-if={path.name}" for path in ROOT.glob("requirements*.txt")]
    said = dry_run(*always, target)
    installs = [line for line in said.splitlines() if "pip install" in line]

    assert installs
    for line in installs:
        assert "--require-hashes" in line
        assert "--only-binary :all:" in line


def test_benchmarks_install_wheels_with_known_hashes_only(monkeypatch: pytest.MonkeyPatch):
    commands: list[list[str]] = []
    monkeypatch.setattr(cold_start, "RUNTIME", SimpleNamespace(name=RUNNING))
    monkeypatch.setattr(cold_start, "PACKAGES", Path("nowhere"))
    monkeypatch.setattr(subprocess, "run", lambda command, **_: commands.append(command))

    cold_start.install_packages()

    (install,) = (command for command in commands if "install" in command)
    assert "--require-hashes" in install
    assert "--only-binary=:all:" in install
