"""Stores measured figures as JSON in `docs/figures`, with the command, the date and the machine."""

import json
import os
import platform
import re
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PAIR = re.compile(r"\[\s+([\d.]+),\s+([\d.]+)\s+\]")
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "figures"


def write_figures(name: str, figures: Mapping[str, Any]) -> Path:
    """Write figures to a file of that name; return its path."""
    FOLDER.mkdir(exist_ok=True)
    arguments = shlex.join(sys.argv[1:])
    measured = {
        "command": f"python -m bench.{name} {arguments}".strip(),
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine(),
        **figures,
    }
    path = FOLDER / f"{name}.json"
    text = json.dumps(measured, indent=1)
    path.write_text(PAIR.sub(r"[\1, \2]", text) + "\n")
    return path


def read_figures(name: str) -> Any:
    """Return the figures of that name."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def machine() -> dict[str, Any]:
    """Return the description of this machine, and its load in the last minute."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        models = [line.partition(": ")[2] for line in text.splitlines() if "model name" in line]
    except OSError:
        models = []
    return {
        "cores": os.cpu_count(),
        "processor": models[0] if models else platform.processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }
