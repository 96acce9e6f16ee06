"""The main loop of a worker: run its consumers until a signal, report its health, then drain."""

import signal
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from lambdas.runtime.log import log, log_error
from lambdas.runtime.metrics import put_metrics
from lambdas.runtime.settings import SettingInvalid, SettingMissing
from workers.runtime import health
from workers.runtime.consumer import Consumer
from workers.runtime.shutdown import Shutdown

HEALTH_INTERVAL = 5
"""Seconds between two health reports to systemd."""
MINUTE = 60


class ReadyMetric:
    """Counts this worker once in each minute of the clock in which it is ready.

    So the sum over a period is the number of workers that are ready times the period's minutes.
    """

    def __init__(self, group: str, *, clock: Callable[[], float] = time.time) -> None:
        """``group`` is the Auto Scaling group's name; ``clock`` returns seconds since 1970."""
        self._group = group
        self._clock = clock
        self._counted = -1

    def observe(self, state: str) -> None:
        """Count the worker if it is ready and was not counted in this minute."""
        minute = int(self._clock() // MINUTE)
        if state == health.READY and minute != self._counted:
            self._counted = minute
            put_metrics("Orders", {"AutoScalingGroupName": self._group}, WorkersReady=1)


def exit_code(main: Callable[[], object]) -> int:
    """Run a worker's program; return 0, or 1 after an error, which is logged in one line."""
    try:
        main()
    except (SettingInvalid, SettingMissing) as error:
        log_error("worker_failed", error=str(error))
        return 1
    except Exception as error:  # noqa: BLE001 -- it ends here, with its trace in the log
        log_error("worker_failed", error=repr(error), trace=traceback.format_exc())
        return 1
    return 0


def stop_on_signals(shutdown: Shutdown) -> None:
    """Request the shutdown on SIGTERM and SIGINT."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: shutdown.request())


def run(
    consumers: Sequence[Consumer], shutdown: Shutdown, *, health_port: int, metric: ReadyMetric
) -> None:
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
        metric.observe(now)
        done, running = wait(running, timeout=HEALTH_INTERVAL, return_when=FIRST_EXCEPTION)
        if any(run.exception() for run in done):
            shutdown.request()
    log("worker_state", state="drained")
    for run in runs:
        run.result()
