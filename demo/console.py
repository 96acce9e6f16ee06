"""The console of a platform that runs on a laptop, for as long as the platform runs."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from demo.ops_command import start_ops
from demo.screen import Screen
from emulator.cloud import Cloud, CloudError

STOP_SECONDS = 5
"""How long the console may take to end; it keeps nothing."""
LOG = "console.log"
"""The file in the cloud's directory that has the console's error output."""


@contextmanager
def running_console(cloud: Cloud, screen: Screen) -> Iterator[str]:
    """Run the console; yield its address, whose key is valid for this run.

    If this runs in a terminal and there is a display, the address is opened in a browser.

    Raises:
        CloudError: it did not start.
    """
    words = ["console", *(["--open"] if may_open(screen) else [])]
    log = cloud.directory / LOG
    with log.open("w") as complaints, start_ops(cloud, *words, stderr=complaints) as process:
        try:
            yield _address(process, log.read_text)
        finally:
            process.terminate()
            # On Ctrl-C, Popen's own end waits for a moment only, and the cloud would end before.
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()


def may_open(screen: Screen) -> bool:
    """Return whether to open a browser: the output is a terminal here, and there is a display."""
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    is_remote = "SSH_CONNECTION" in os.environ
    has_display = any(map(os.environ.get, displays)) or sys.platform == "darwin"
    return screen.out.isatty() and has_display and not is_remote


def _address(process: "subprocess.Popen[str]", complaints: Callable[[], str]) -> str:
    for line in process.stdout or ():
        if found := re.search(r"http://\S+", line):
            return found.group()
    raise CloudError(f"The console did not start: {complaints().strip()}")
