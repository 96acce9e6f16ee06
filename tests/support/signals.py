"""The signals of processes that a test starts, and of its own."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


def obey_signals() -> None:
    """Let a new process be ended by what its parents may ignore: below `nohup`, or with `&`."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt this process, also where its parents ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
