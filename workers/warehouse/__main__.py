"""``python -m workers.warehouse``: consume both queues until SIGTERM, then drain."""

import signal
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from lambdas.runtime.aws import CONFIG
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from workers.warehouse import health
from workers.warehouse.handling import Handling
from workers.warehouse.loop import Consumer, Stop
from workers.warehouse.queue import MOST, Queue
from workers.warehouse.store import Warehouse

LOOPS = 2
"""Batches of each queue that are in hand at once."""
LOOK = 5
"""Seconds between looks at how it goes; systemd hears of each."""


def main() -> None:
    """Run until told to stop, or until a consumer breaks: then it is raised what broke it."""
    stop = Stop(grace=float(setting("GRACE_SECONDS")))
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: stop.tell())
    consumers = _consumers(stop)
    health.serve(int(setting("HEALTH_PORT")), lambda: health.state(consumers, stop))
    runs = [ThreadPoolExecutor(1).submit(consumer.run) for consumer in consumers]
    running, before = set(runs), ""
    while running:
        now = health.state(consumers, stop)
        if now != before:
            log("warehouse", state=now)
            before = now
        health.tell_systemd(now)
        done, running = wait(running, timeout=LOOK, return_when=FIRST_EXCEPTION)
        if any(run.exception() for run in done):
            stop.tell()
    log("warehouse", state="drained")
    for run in runs:
        run.result()


def _consumers(stop: Stop) -> list[Consumer]:
    """Each queue's, with what is done about its messages."""
    waiting = int(setting("WAIT_SECONDS"))
    handling = Handling(
        Warehouse(
            stock_table=setting("STOCK_TABLE"),
            pickings_table=setting("PICKINGS_TABLE"),
            dynamodb=_client("dynamodb"),
        ),
        bus=Bus(setting("EVENT_BUS"), eventbridge=_client("events")),
        now=lambda: datetime.now(UTC).isoformat(),
    )
    # A request for messages is answered when there are some, and that may take the whole wait.
    sqs = _client("sqs", read_timeout=waiting + 5)
    return [
        Consumer(
            Queue(
                url,
                dead_letter_url=dead_letter_url,
                wait=waiting,
                lease=int(setting("LEASE_SECONDS")),
                sqs=sqs,
            ),
            handle,
            stop=stop,
        )
        for url, dead_letter_url, handle in (
            (setting("STOCK_QUEUE"), setting("STOCK_DEAD_LETTER_QUEUE"), handling.note_stock),
            (setting("PICKING_QUEUE"), setting("PICKING_DEAD_LETTER_QUEUE"), handling.pick),
        )
        for _ in range(LOOPS)
    ]


def _client(service: str, **more: Any) -> Any:
    """A boto3 client for as many threads as there are."""
    connections = Config(max_pool_connections=2 * LOOPS * (MOST + 1), **more)
    return boto3.client(service, config=CONFIG.merge(connections))


if __name__ == "__main__":
    main()
