"""A record of every permission that is used, and a count of its uses."""

import json
import threading
from pathlib import Path

from emulator.usage import count

_recorded: set[tuple[str, str, str, str]] = set()
_writing = threading.Lock()
_record_file: Path | None = None


def record_in(file: Path) -> None:
    """From now on, write each used permission to this file, once, as a line of JSON."""
    global _record_file
    _record_file = file
    _recorded.clear()


def record(principal: str, action: str, resource: str, source: str = "") -> None:
    """Record that a principal used a permission; `source` is the ARN for which a service acted."""
    # By bucket: each object has its own ARN.
    on = resource.partition("/")[0] if action.startswith("s3:") else resource
    count(action, by=principal, on=on, source=source)
    used = (principal, action, resource, source)
    if used in _recorded or _record_file is None:
        return
    with _writing:
        if used not in _recorded:
            _recorded.add(used)
            with _record_file.open("a") as file:
                file.write(json.dumps(used) + "\n")
