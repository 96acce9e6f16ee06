"""Processes of a run, which leave nothing behind in whatever way they end."""

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

from simulation import ledger


def end_tidily_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP end this process so that it removes what it made."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # If SIGHUP is ignored already, as under nohup, it stays ignored.
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, lambda number, _: sys.exit(128 + number))


def pool(jobs: int) -> ProcessPoolExecutor:
    """Return a pool whose processes end with this one, even if it was killed."""
    return ProcessPoolExecutor(jobs, initializer=_begin)


def _begin() -> None:
    end_tidily_on_signals()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        ledger.stop()
        os._exit(1)
