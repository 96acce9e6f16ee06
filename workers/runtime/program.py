"""The main loop of a worker: run its consumers until a signal, report its health, then drain."""

import signal
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from lambdas.runtime.log import log
from workers.runtime import health
from workers.runtime.consumer import Consumer
from workers.runtime.shutdown import Shutdown

HEALTH_INTERVAL = 5
"""Seconds between two health reports to systemd."""


def stop_on_signals(shutdown: Shutdown) -> None:
    """Request the shutdown on SIGTERM and SIGINT."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: shutdown.request())


def run(consumers: Sequence[Consumer], shutdown: Shutdown, *, health_port: int) -> None:
    """Run the consumers until the shutdown is requested, or until one fails.

    The others are drained first; then the failed consumer's error is raised.
    """
    health.serve(health_port, lambda: health.state(consumers, shutdown))
    runs = [ThreadPoolExecutor(1).submit(consumer.run) for consumer in consumers]
    running, before = set(runs), ""
    while running:
        now = health.state(consumers, shutdown)
        if now != before:
            log("worker_state", state=now)
            before = now
        health.notify_systemd(now)
        done, running = wait(running, timeout=HEALTH_INTERVAL, return_when=FIRST_EXCEPTION)
        if any(run.exception() for run in done):
            shutdown.request()
    log("worker_state", state="drained")
    for run in runs:
        run.result()
