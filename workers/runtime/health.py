"""The program's health, for probes on the loopback interface and for systemd."""

import json
import os
import socket
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from threading import Thread

from workers.runtime.consumer import Consumer
from workers.runtime.shutdown import Shutdown

LOOPBACK = str(IPv4Address(socket.INADDR_LOOPBACK))
STARTING, READY, DRAINING, STUCK = "starting", "ready", "draining", "stuck"
STUCK_AFTER = 120
"""Seconds without progress after which a consumer is stuck: far longer than all time-outs."""


def state(consumers: Sequence[Consumer], shutdown: Shutdown) -> str:
    """Return the program's state: ``starting``, ``ready``, ``draining`` or ``stuck``."""
    if any(shutdown.clock() - consumer.last_progress_at > STUCK_AFTER for consumer in consumers):
        return STUCK
    if shutdown.requested:
        return DRAINING
    return READY if all(consumer.ready for consumer in consumers) else STARTING


def serve(port: int, state: Callable[[], str]) -> ThreadingHTTPServer:
    """Serve ``/alive`` and ``/ready`` on the loopback interface: 200 for yes, 503 for no.

    ``/alive`` is yes unless the state is stuck; ``/ready`` is yes only if it is ready. The body has
    the state.
    """

    class Probe(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            now = state()
            yes = {"/alive": now != STUCK, "/ready": now == READY}
            status = 404 if self.path not in yes else 200 if yes[self.path] else 503
            body = json.dumps({"state": now}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: probes come every few seconds."""

    server = ThreadingHTTPServer((LOOPBACK, port), Probe)
    Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


def notify_systemd(state: str) -> None:
    """Report the state to systemd, if it started the program. If stuck, report nothing.

    systemd restarts a program that does not report.
    https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or state == STUCK:
        return
    more = {READY: "\nREADY=1", DRAINING: "\nSTOPPING=1"}.get(state, "")
    words = f"STATUS={state}\nWATCHDOG=1{more}"
    # An abstract socket's name begins with a zero byte, which systemd writes as @.
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.sendto(words.encode(), name)
