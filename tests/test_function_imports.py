"""What a cold start pays for, as counts: the modules that each function imports.

`python -m bench.cold_start` measures the time. Here, what it comes from may not grow unseen.
"""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_OWN = 40
MAX_STANDARD = 2
LAYERS = {"payments": "pg8000", "notifications": "fpdf"}
"""The package of the layer that some functions of a service have."""


@cache
def imported() -> dict[str, dict[str, list[str]]]:
    program = [sys.executable, "-m", "tests.support.count_imports"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["module"]: row for row in rows}


def test_every_handler_is_counted():
    assert len(imported()) > 50


def test_no_function_imports_more_of_our_modules_than_today():
    found = {name: len(row["own"]) for name, row in imported().items()}

    more = {name: count for name, count in found.items() if count > MAX_OWN}
    assert more == {}, (
        "each costs time at a cold start: import less. If it has to be, raise MAX_OWN in "
        "tests/test_function_imports.py, and say why in docs/performance.md"
    )


def test_function_without_a_layer_imports_no_package_but_botocore():
    """Not boto3 either: its resources take some 15 ms, and no function has one."""
    found = {
        name: row["packages"]
        for name, row in imported().items()
        if row["packages"] and LAYERS.get(name.split(".")[1]) not in row["packages"]
    }

    assert found == {}


def test_function_without_a_layer_imports_little_of_the_standard_library():
    found = {
        name: row["standard"]
        for name, row in imported().items()
        if not row["packages"] and len(row["standard"]) > MAX_STANDARD
    }

    assert found == {}
