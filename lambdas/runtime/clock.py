"""The clock of functions and workers."""

from datetime import UTC, datetime

from lambdas.contracts.times import format_time


def current_time() -> str:
    """Return the current time in the one format: see ``format_time``."""
    return format_time(datetime.now(UTC))
