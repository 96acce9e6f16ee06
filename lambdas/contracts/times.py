"""The one format of times: UTC, ISO 8601, with milliseconds: ``2026-12-01T08:26:00.000Z``.

In this format, texts sort like the times that they say.
"""

from datetime import UTC, datetime

from lambdas.contracts.bounds import TimeBounds


def format_time(moment: datetime) -> str:
    """Format a time, which must have an offset from UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reformat_time(text: str) -> str:
    """Convert a time with its offset from UTC to this format.

    Raises:
        ValueError: the text is no time within ``TimeBounds``.
    """
    if problem := TimeBounds().problem(text):
        raise ValueError(problem)
    return format_time(datetime.fromisoformat(text))
