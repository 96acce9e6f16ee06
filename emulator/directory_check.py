"""Checks that a temporary directory can hold the local cloud."""

import os
from pathlib import Path

NEEDED_MB = 200
"""What a cloud takes until it is deployed, 130 MB, and some more for its orders."""


def why_unusable(directory: Path) -> str:
    """Return why a cloud cannot run in a directory of its own; empty if it can."""
    system = os.statvfs(directory)
    free = system.f_bavail * system.f_frsize // 1_000_000
    if free < NEEDED_MB:
        return (
            f"{directory.parent} has {free} MB free, and the local cloud needs {NEEDED_MB} there:"
            " make room, or name another directory with TMPDIR."
        )
    # For root, PostgreSQL's programs are copied there.
    if os.geteuid() == 0 and system.f_flag & getattr(os, "ST_NOEXEC", 0):
        return (
            f"{directory.parent} is mounted noexec, so the database cannot run there: name another"
            " directory with TMPDIR, or run this as a user who is not root."
        )
    return ""
