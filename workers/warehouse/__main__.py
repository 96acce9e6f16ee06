"""``python -m workers.warehouse``: consume both queues until SIGTERM, then drain."""

import sys
from typing import Any

import boto3
from botocore.config import Config

from lambdas.runtime.aws import CONFIG
from lambdas.runtime.bus import Bus
from lambdas.runtime.clock import current_time
from lambdas.runtime.settings import setting, whole_number
from workers.runtime.consumer import Consumer
from workers.runtime.program import ReadyMetric, exit_code, run, stop_on_signals
from workers.runtime.queue import MAX_BATCH, Queue
from workers.runtime.shutdown import Shutdown
from workers.warehouse.handlers import MessageHandlers
from workers.warehouse.store import Warehouse

CONSUMERS_PER_QUEUE = 2
"""Batches of each queue that are processed concurrently."""


def main() -> None:
    """Run until a signal comes or a consumer fails. A consumer's error is raised."""
    shutdown = Shutdown(grace=whole_number("GRACE_SECONDS"))
    stop_on_signals(shutdown)
    run(
        _consumers(shutdown),
        shutdown,
        health_port=whole_number("HEALTH_PORT"),
        metric=ReadyMetric(setting("GROUP")),
    )


def _consumers(shutdown: Shutdown) -> list[Consumer]:
    """Make the consumers of both queues, each with the handler of its messages."""
    wait_seconds = whole_number("WAIT_SECONDS")
    handlers = MessageHandlers(
        Warehouse(
            stock_table=setting("STOCK_TABLE"),
            pickings_table=setting("PICKINGS_TABLE"),
            dynamodb=_client("dynamodb"),
        ),
        bus=Bus(setting("EVENT_BUS"), eventbridge=_client("events")),
        now=current_time,
    )
    # A long poll may last the whole wait before it returns.
    sqs = _client("sqs", read_timeout=wait_seconds + 5)
    return [
        Consumer(
            Queue(
                url,
                dead_letter_url=dead_letter_url,
                wait=wait_seconds,
                lease=whole_number("LEASE_SECONDS"),
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
    """Make a boto3 client with a connection for each thread."""
    connections = Config(max_pool_connections=2 * CONSUMERS_PER_QUEUE * (MAX_BATCH + 1), **more)
    config = CONFIG.merge(connections)
    return boto3.client(service, config=config)  # type: ignore[call-overload]


if __name__ == "__main__":
    sys.exit(exit_code(main))
