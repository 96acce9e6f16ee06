"""The process of the local cloud: MiniStack, the patches and the databases.

`emulator.cloud.running` starts it, with the listening socket's file descriptor and the run's
directory as arguments. It ends on SIGTERM, and when its standard input closes, because its parent
has ended.
"""

import gc
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from emulator import dsql, ministack_server, patches
from emulator.cloud import ACCESS_KEY_VARIABLE, USED_PERMISSIONS_FILE
from emulator.faults import processes
from emulator.faults.requests import faulty
from emulator.gateway import App, gated
from emulator.parent_process import watch_parent
from emulator.patches import root_user
from emulator.patches._permission_record import record_in
from emulator.throttle import throttled
from emulator.usage import counted


def main() -> None:
    """Serve until SIGTERM."""
    listener, directory = int(sys.argv[1]), Path(sys.argv[2])
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: _end())
    watch_parent(lambda: _end(directory))
    access_key = os.environ.pop(ACCESS_KEY_VARIABLE)
    certificate, key = os.environ["MINISTACK_SSL_CERT"], os.environ["MINISTACK_SSL_KEY"]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    dsql.install(directory, tls)
    patches.install()
    processes.install()
    root_user.use(access_key)
    record_in(directory / USED_PERMISSIONS_FILE)
    # Objects that exist now stay, and later ones are mostly freed at once. With Python's default
    # thresholds, the garbage collector takes a fifteenth of the time of an order.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    opened = socket.socket(fileno=listener)

    def gate(app: App) -> App:
        guarded = counted(throttled(faulty(app, key=access_key)))
        return gated(guarded, port=opened.getsockname()[1], key=access_key)

    config = ministack_server.config(gate, ssl_certfile=certificate, ssl_keyfile=key)
    _Server(config).run([opened])


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Install no handler: uvicorn's own would wait for every request to finish."""
        yield


def _end(directory: Path | None = None) -> None:
    """Stop the databases, then kill the whole process group.

    Nothing here outlives the run, so no work has to be finished: a function that hangs must not
    delay the end. The parent removes the directory; if the parent is gone, this process does.
    """
    if directory is not None:
        # Only when all processes have ended, nothing writes there any more.
        wait_and_remove = 'while kill -0 "$0" 2>/dev/null; do sleep 0.05; done; rm -rf -- "$1"'
        subprocess.Popen(
            ["sh", "-c", wait_and_remove, str(os.getpid()), str(directory)], start_new_session=True
        )
    dsql.close_all()
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
