"""End a child process when its parent has ended, in whatever way."""

import os
import threading
from collections.abc import Callable


def watch_parent(end: Callable[[], object]) -> None:
    """Call `end` in a thread when the parent process has ended.

    The parent holds the other end of this process's standard input, and never writes to it. When
    the parent ends, the pipe closes.
    """

    def watch() -> None:
        # Not through sys.stdin: at shutdown the interpreter would wait for sys.stdin's lock.
        os.read(0, 1)
        end()

    threading.Thread(target=watch, daemon=True).start()
