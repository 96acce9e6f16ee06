"""The signals of processes that a test starts."""

import signal


def obey_signals() -> None:
    """Let a new process be ended by what its parents may ignore: below `nohup`, or with `&`."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
