"""Tests that the locks have what their sources name, with hashes: `make lock` writes them."""

import re
from pathlib import Path

import pytest

LOCKS = ("requirements", "requirements-dev", "requirements-lint", "requirements-second-cloud")
ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([\w.-]+==[\w.]+)(?: ;[^\\\n]*)? ?(\\\n    --hash=sha256:)?", re.MULTILINE)


def pins(file: str) -> dict[str, bool]:
    """Each ``name==version`` of a file, and whether a hash follows."""
    return {pin: bool(hash) for pin, hash in PIN.findall((ROOT / file).read_text())}


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_every_pin_of_its_source(name: str) -> None:
    assert pins(f"{name}.in").keys() - pins(f"{name}.txt").keys() == set()


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_of_a_lock_has_a_hash(name: str) -> None:
    locked = pins(f"{name}.txt")

    assert locked
    assert [pin for pin, hashed in locked.items() if not hashed] == []


def test_lock_for_development_has_the_lock_for_synthesis() -> None:
    assert pins("requirements.txt").keys() - pins("requirements-dev.txt").keys() == set()
