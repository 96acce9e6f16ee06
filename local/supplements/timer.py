"""Work that is done later, in a thread of its own, under the account and Region of who asked."""

import contextvars
import os
import threading
from collections.abc import Callable

SCALE = float(os.environ.get("LOCAL_DELAY_SCALE", "0.02"))
"""How much shorter AWS's documented delays between attempts are here: a minute is 1.2 s."""


def later(delay: float, work: Callable[[], None]) -> None:
    """Do `work` after `delay` seconds of AWS's time, which are fewer here."""
    context = contextvars.copy_context()
    timer = threading.Timer(delay * SCALE, context.run, [work])
    timer.daemon = True
    timer.start()
