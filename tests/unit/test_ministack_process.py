"""The unit tests' cloud leaves nothing behind."""

import socket
import subprocess
import sys


def test_it_ends_when_whoever_started_it_is_gone():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.ministack_process", str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    try:
        # Closes its standard input, as the end of this process would.
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
