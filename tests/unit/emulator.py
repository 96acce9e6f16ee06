"""The process of the unit tests' cloud: MiniStack, served as the local cloud serves it.

MiniStack's own way takes nearly twice as long. It has the listening socket's file descriptor as its
argument, and ends when its standard input closes, which is how it learns that its parent is gone.
"""

import os
import socket
import sys
import threading

import uvicorn
from ministack.app import app


def main() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        # The app writes the headers that AWS writes.
        server_header=False,
        date_header=False,
    )
    uvicorn.Server(config).run([socket.socket(fileno=int(sys.argv[1]))])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
