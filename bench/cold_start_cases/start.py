"""Start Lambda's runtime interface client for a handler: `python start.py HANDLER DEPTH`.

Python allocates its stack in pieces. A module that is imported where a piece ends makes it allocate
and free one again and again, so the depth at which the client starts is varied.
"""

import sys

from awslambdaric.__main__ import main


def start(handler: str, depth: int) -> None:
    """Start the client at a depth of ``depth`` calls. It runs until it is killed."""
    if depth:
        start(handler, depth - 1)
    else:
        main(["", handler])


if __name__ == "__main__":
    start(sys.argv[1], int(sys.argv[2]))
