"""The one format of times: UTC, ISO 8601, with milliseconds: ``2026-12-01T08:26:00.000Z``.

In this format, texts sort like the times that they say.
"""

from datetime import UTC, datetime


def format_time(moment: datetime) -> str:
    """Format a time, which must have an offset from UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reformat_time(text: str) -> str:
    """Convert a time in any ISO 8601 format to this one."""
    return format_time(datetime.fromisoformat(text))
