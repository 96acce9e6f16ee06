"""The process of the local cloud: MiniStack, the supplements and the databases.

Started by `local.cloud.running`, with the listening socket's file descriptor and the run's
directory as arguments. It ends on SIGTERM, and when its standard input closes, which is how it
learns that its parent is gone.
"""

import asyncio
import logging
import os
import shutil
import signal
import ssl
import sys
import threading
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
from ministack.core import hypercorn_compat

from local import dsql, supplements
from local.cloud import EXERCISED
from local.supplements import permissions


def main() -> None:
    """Serve until told to end."""
    listener, directory = int(sys.argv[1]), Path(sys.argv[2])
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: _end())
    threading.Thread(target=_end_with_parent, args=[directory], daemon=True).start()
    certificate, key = os.environ["MINISTACK_SSL_CERT"], os.environ["MINISTACK_SSL_KEY"]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    dsql.install(directory, tls)
    supplements.install()
    permissions.record_in(directory / EXERCISED)
    hypercorn_compat.install()
    config = Config()
    config.bind = [f"fd://{listener}"]
    config.certfile, config.keyfile = certificate, key
    config.keep_alive_timeout = 75
    # Left to itself, hypercorn would take SIGTERM and wait for every request to finish.
    asyncio.run(serve(app, config, shutdown_trigger=lambda: asyncio.Event().wait()))


def _end_with_parent(directory: Path) -> None:
    sys.stdin.buffer.read()
    _end(directory)


def _end(directory: Path | None = None) -> None:
    """End the databases, then the whole process group, however busy it is.

    Nothing here outlives the run, so there is nothing to finish: a function that hangs must not
    hold up the end. The directory is the parent's to remove, unless the parent is gone.
    """
    dsql.close_all()
    if directory is not None:
        shutil.rmtree(directory, ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
