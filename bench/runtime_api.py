"""Lambda's runtime API, as far as a function needs it to start: it asks for its first event.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from threading import Thread
from time import perf_counter


class InitFailedError(Exception):
    """A function failed before it asked for an event; the message has what it reported."""


class RuntimeApi:
    """The API on a port of this machine. It never returns an event."""

    def __init__(self, port: int, reports: "Queue[tuple[float, str]]") -> None:
        self.address = f"127.0.0.1:{port}"
        self._reports = reports

    def await_first_request(self, timeout: float = 30) -> float:
        """Return the time, by ``perf_counter``, at which the function asked for an event.

        Raises:
            InitFailedError: the function failed, or did not ask in time.
        """
        try:
            at, error = self._reports.get(timeout=timeout)
        except Empty:
            raise InitFailedError(f"it did not ask for an event within {timeout} s") from None
        if error:
            raise InitFailedError(error)
        return at


@contextmanager
def serving() -> Iterator[RuntimeApi]:
    """Serve the API."""
    reports: Queue[tuple[float, str]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reports.put((perf_counter(), ""))
            # The function waits for its event until it is killed.
            self.rfile.read(1)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reports.put((perf_counter(), body.decode(errors="replace")))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield RuntimeApi(server.server_address[1], reports)
    finally:
        server.shutdown()
        server.server_close()
