"""Tests that ``make lint-templates`` runs nothing that another user of the machine wrote."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_checkov_keeps_its_pickled_grammar_in_the_checkout() -> None:
    """Its parser unpickles a file of a known name in the temporary directory."""
    made = {"MAKEFLAGS", "MAKELEVEL"}
    said = subprocess.run(
        ["make", "--dry-run", "lint-templates"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in made},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    [folder] = re.findall(r'^TMPDIR="([^"]+)" \S+/checkov ', said, re.MULTILINE)
    assert Path(folder).is_relative_to(ROOT)
    assert f"mkdir -p {Path(folder).relative_to(ROOT)}\n" in said
