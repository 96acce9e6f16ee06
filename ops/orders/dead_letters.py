"""Find the dead letters of an order, without removing them."""

from collections.abc import Sequence

from lambdas.contracts.times import format_time
from ops.deployed import Deployed
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.peek import SinkContents, peek_all
from ops.dlq.report import UNSEEN
from ops.orders.records import OrderDeadLetter


def find_dead_letters(
    deployed: Deployed, order_id: str
) -> tuple[Sequence[OrderDeadLetter], Sequence[str]]:
    """Return the order's dead letters, and why some of those in a sink may not be among them.

    A record that only points into a table's stream names no order, so it is not found.
    """
    contents, unreadable = peek_all(find_failure_sinks(deployed.templates()), deployed.client)
    found = [each for sink in contents for each in dead_letters_of(order_id, sink)]
    unseen = [each.sink.name for each in contents if not each.is_complete]
    reasons = [f"{name}: {why}" for name, why in unreadable.items()]
    return found, [*reasons, *([f"some of {', '.join(unseen)} {UNSEEN}"] if unseen else [])]


def dead_letters_of(order_id: str, contents: SinkContents) -> Sequence[OrderDeadLetter]:
    """Return the dead letters of a sink that mention the order."""
    return [
        OrderDeadLetter(
            queue=contents.sink.name,
            id=dead_letter.message.id,
            at=format_time(dead_letter.message.sent_at),
            what=dead_letter.error or dead_letter.mechanism or "for an unknown reason",
        )
        for dead_letter in contents.dead_letters
        if dead_letter.mentions(order_id)
    ]
