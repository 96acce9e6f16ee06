"""The process of the local AWS APIs."""

import socket
import subprocess
import sys


def test_process_ends_with_the_process_that_started_it():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.ministack_process", str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    try:
        # This closes its standard input, as the end of this process would.
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
