"""What of an order is parked, wherever that is; looking leaves it where it is."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from ops.deployed import Deployed
from ops.dlq.decode import decode
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.readers import SinkReader, reader_for
from ops.orders.trace import OrderDeadLetter

MAX_WORKERS = 8


def find_dead_letters(
    deployed: Deployed, order_id: str
) -> tuple[Sequence[OrderDeadLetter], Sequence[str]]:
    """The pieces that name the order, and the places of which not all could be seen.

    A pointer into a table's stream names none: what it points to is the order's row, or its event.
    Places that SQS says are empty are passed over, which it may know a minute late.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
    """
    clients = {name: deployed.client(name) for name in ("sqs", "s3")}
    sinks = deployed.templates().failure_sinks()
    readers = [reader_for(sink, clients.__getitem__) for sink in sinks]
    with ThreadPoolExecutor(MAX_WORKERS) as pool:
        searches = list(pool.map(search_sink, sinks, readers, [order_id] * len(sinks)))
    pieces = [piece for found, _ in searches for piece in found]
    return pieces, [sink.name for sink, (_, all) in zip(sinks, searches, strict=True) if not all]


def search_sink(
    sink: FailureSink, reader: SinkReader, order_id: str
) -> tuple[Sequence[OrderDeadLetter], bool]:
    """The order's pieces in a place, and whether that are all: somebody else may hold some."""
    depth = reader.depth()
    if not depth.total:
        return (), True
    with closing(reader.lease_messages()) as messages:
        dead_letters = [decode(message, sink) for message in messages]
    pieces = [
        OrderDeadLetter(
            queue=sink.name,
            id=dead_letter.message.id,
            at=dead_letter.message.sent_at.isoformat(),
            what=dead_letter.error or dead_letter.mechanism or "nobody can tell why",
        )
        for dead_letter in dead_letters
        if dead_letter.mentions(order_id)
    ]
    return pieces, len(dead_letters) >= depth.total
