"""The process of the unit tests' cloud: MiniStack as it is, served as the local cloud serves it.

It has the listening socket's file descriptor as its argument, and ends when its standard input
closes, which is how it learns that its parent is gone.
"""

import os
import socket
import sys

import uvicorn

from emulator import ministack_server
from emulator.parent_process import watch_parent


def main() -> None:
    watch_parent(lambda: os._exit(0))
    uvicorn.Server(ministack_server.config()).run([socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
