"""Wait for what takes a moment in a local cloud."""

from collections.abc import Callable

from emulator.polling import poll

TIMEOUT_SECONDS = 120
"""Seconds after which something that takes a moment has failed, however slow the machine is."""


def wait_until(
    what: str, condition: Callable[[], object], *, seconds: float = 180, interval: float = 0.2
) -> None:
    """Wait until a condition is true; fail with the text otherwise."""
    assert poll(condition, seconds=seconds, interval=interval), what
