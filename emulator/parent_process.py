"""End a child process when its parent is gone, however the parent ended."""

import os
import threading
from collections.abc import Callable


def watch_parent(end: Callable[[], object]) -> None:
    """Call `end` in a thread when the parent is gone.

    The parent holds the other end of this process's standard input, and never writes to it. When
    the parent dies, the pipe closes.
    """

    def watch() -> None:
        # Not through sys.stdin: an interpreter that shuts down would wait for its lock.
        os.read(0, 1)
        end()

    threading.Thread(target=watch, daemon=True).start()
