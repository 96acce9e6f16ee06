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
from workers.warehouse.consumer import Consumer, Shutdown
from workers.warehouse.handlers import MessageHandlers
from workers.warehouse.queue import MAX_BATCH, Queue
from workers.warehouse.store import Warehouse

CONSUMERS_PER_QUEUE = 2
"""Batches of each queue that are in hand at once."""
HEALTH_INTERVAL = 5
"""Seconds between looks at how it goes; systemd hears of each."""


def main() -> None:
    """Run until told to stop, or until a consumer breaks: then it is raised what broke it."""
    shutdown = Shutdown(grace=float(setting("GRACE_SECONDS")))
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: shutdown.request())
    consumers = _consumers(shutdown)
    health.serve(int(setting("HEALTH_PORT")), lambda: health.state(consumers, shutdown))
    runs = [ThreadPoolExecutor(1).submit(consumer.run) for consumer in consumers]
    running, before = set(runs), ""
    while running:
        now = health.state(consumers, shutdown)
        if now != before:
            log("warehouse_state", state=now)
            before = now
        health.notify_systemd(now)
        done, running = wait(running, timeout=HEALTH_INTERVAL, return_when=FIRST_EXCEPTION)
        if any(run.exception() for run in done):
            shutdown.request()
    log("warehouse_state", state="drained")
    for run in runs:
        run.result()


def _consumers(shutdown: Shutdown) -> list[Consumer]:
    """Each queue's, with what is done about its messages."""
    wait_seconds = int(setting("WAIT_SECONDS"))
    handlers = MessageHandlers(
        Warehouse(
            stock_table=setting("STOCK_TABLE"),
            pickings_table=setting("PICKINGS_TABLE"),
            dynamodb=_client("dynamodb"),
        ),
        bus=Bus(setting("EVENT_BUS"), eventbridge=_client("events")),
        now=lambda: datetime.now(UTC).isoformat(),
    )
    # A request for messages is answered when there are some, and that may take the whole wait.
    sqs = _client("sqs", read_timeout=wait_seconds + 5)
    return [
        Consumer(
            Queue(
                url,
                dead_letter_url=dead_letter_url,
                wait=wait_seconds,
                lease=int(setting("LEASE_SECONDS")),
                sqs=sqs,
            ),
            handle,
            shutdown=shutdown,
        )
        for url, dead_letter_url, handle in (
            (
                setting("STOCK_QUEUE_URL"),
                setting("STOCK_DEAD_LETTER_QUEUE_URL"),
                handlers.update_stock,
            ),
            (setting("PICKING_QUEUE_URL"), setting("PICKING_DEAD_LETTER_QUEUE_URL"), handlers.pick),
        )
        for _ in range(CONSUMERS_PER_QUEUE)
    ]


def _client(service: str, **more: Any) -> Any:
    """A boto3 client for as many threads as there are."""
    connections = Config(max_pool_connections=2 * CONSUMERS_PER_QUEUE * (MAX_BATCH + 1), **more)
    return boto3.client(service, config=CONFIG.merge(connections))


if __name__ == "__main__":
    main()
