"""The one format of times: UTC, ISO 8601, milliseconds: ``2026-12-01T08:26:00.000Z``.

Texts of one format sort like the times.
"""

from datetime import UTC, datetime


def format_time(moment: datetime) -> str:
    """Return a time with its offset in this format."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reformat_time(text: str) -> str:
    """Return a time of any ISO 8601 format in this one."""
    return format_time(datetime.fromisoformat(text))
