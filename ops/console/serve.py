"""Serve the console on the loopback interface until it is interrupted."""

import socket
import sys
import webbrowser

import uvicorn

from ops.console.app import create_app
from ops.console.guard import ENTRANCE
from ops.console.page import Console
from ops.deployed import OperationError
from ops.output import print_text

HOST = "127.0.0.1"


def serve(console: Console, *, port: int | None, open_browser: bool) -> None:
    """Print the console's address, and serve it until it is interrupted.

    Raises:
        OperationError: the port is not available.
    """
    with _listen(port) as listener:
        taken = listener.getsockname()[1]
        address = f"http://{HOST}:{taken}{ENTRANCE}?key={console.secrets.key}"
        app = create_app(console, port=taken)
        settings = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
            lifespan="off",
            ws="none",
        )
        print_text(f"The console of {console.place}, until Ctrl-C:\n\n  {address}\n")
        # Flushed, because the output may be a pipe.
        sys.stdout.flush()
        if open_browser:
            webbrowser.open(address)
        try:
            uvicorn.Server(settings).run(sockets=[listener])
        finally:
            console.rebuilds.close()


def _listen(port: int | None) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port or 0))
        # The socket listens already, because a reader of the address may connect at once.
        listener.listen()
    except OSError as error:
        listener.close()
        raise OperationError(f"port {port} of {HOST} cannot be used: {error.strerror}") from error
    return listener
