"""The process of the unit tests' cloud: MiniStack as it is, served as the local cloud serves it.

It has the listening socket's file descriptor as its argument, and ends when its standard input
closes, which is how it learns that its parent is gone.
"""

import os
import socket
import sys
import threading

import uvicorn

from emulator import ministack_server


def main() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    uvicorn.Server(ministack_server.config()).run([socket.socket(fileno=int(sys.argv[1]))])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
