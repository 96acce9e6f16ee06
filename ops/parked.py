"""What of an order is parked, wherever that is; looking leaves it where it is."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from ops.deployed import Deployed
from ops.holding import Holder, holder
from ops.journey import Parked
from ops.places import Place
from ops.records import decode

AT_ONCE = 8


def parked(deployed: Deployed, order_id: str) -> tuple[Sequence[Parked], Sequence[str]]:
    """The pieces that name the order, and the places of which not all could be seen.

    A pointer into a table's stream names none: what it points to is the order's row, or its event.
    Places that SQS says are empty are passed over, which it may know a minute late.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
    """
    clients = {name: deployed.client(name) for name in ("sqs", "s3")}
    places = deployed.templates().places()
    holders = [holder(place, clients.__getitem__) for place in places]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        looks = list(pool.map(look, places, holders, [order_id] * len(places)))
    pieces = [piece for found, _ in looks for piece in found]
    return pieces, [place.name for place, (_, all) in zip(places, looks, strict=True) if not all]


def look(place: Place, holder: Holder, order_id: str) -> tuple[Sequence[Parked], bool]:
    """The order's pieces in a place, and whether that are all: somebody else may hold some."""
    depth = holder.depth()
    if not depth.all:
        return (), True
    with closing(holder.taking()) as messages:
        records = [decode(message, place) for message in messages]
    pieces = [
        Parked(
            place=place.name,
            id=record.message.id,
            at=record.message.since.isoformat(),
            what=record.why or record.how or "nobody can tell why",
        )
        for record in records
        if record.mentions(order_id)
    ]
    return pieces, len(records) >= depth.all
