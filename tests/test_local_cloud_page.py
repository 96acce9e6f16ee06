"""The page on the local cloud promises nothing without a test: each row names one that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "local-cloud.md").read_text()
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| ") and "https://" in line
]
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^ *def (test_\w+)", file.read_text(), re.MULTILINE)
}


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def is_there(reference: str) -> bool:
    """Whether it is a test's name, with … for what is left out, or the place of tests."""
    if "/" in reference or reference.endswith(".py"):
        places = (ROOT, ROOT / "tests" / "integration", ROOT / "tests" / "e2e")
        return any((place / reference).exists() for place in places)
    pattern = ".*".join(re.escape(part) for part in reference.split("…"))
    return any(re.fullmatch(pattern, name) for name in TESTS)


def is_supplied(reference: str) -> bool:
    place = reference if "/" in reference else f"emulator/patches/{reference}.py"
    return (ROOT / place).exists()


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:50] for row in ROWS])
def test_every_behaviour_has_a_source_a_module_and_a_test(row: list[str]) -> None:
    _behaviour, source, module, test = row
    assert "](https://docs.aws.amazon.com/" in source
    assert quoted(module)
    assert [name for name in quoted(module) if not is_supplied(name)] == []
    assert quoted(test)
    assert [name for name in quoted(test) if not is_there(name)] == []


def test_reference_to_nothing_is_found() -> None:
    assert not is_there("test_nobody_wrote_this_…")
    assert not is_there("tests/e2e/test_nothing.py")
    assert not is_supplied("nothing")
