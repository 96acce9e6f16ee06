"""Find the dead letters of an order, without removing them."""

from collections.abc import Sequence

from lambdas.contracts.times import format_time
from ops.deployed import Deployed
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.peek import SinkContents, pair_twins, peek_all
from ops.dlq.report import UNSEEN
from ops.orders.records import OrderDeadLetter


def find_dead_letters(
    deployed: Deployed, order_id: str
) -> tuple[Sequence[OrderDeadLetter], Sequence[str]]:
    """Return the order's dead letters, and why some of those in a sink may not be among them.

    A record that only points into a table's stream names no order, so it is not found.
    """
    contents, unreadable = peek_all(find_failure_sinks(deployed.templates()), deployed.client)
    found = dead_letters_of(order_id, contents)
    unseen = [each.sink.name for each in contents if not each.is_complete]
    reasons = [f"{name}: {why}" for name, why in unreadable.items()]
    return found, [*reasons, *([f"some of {', '.join(unseen)} {UNSEEN}"] if unseen else [])]


def dead_letters_of(order_id: str, found: Sequence[SinkContents]) -> Sequence[OrderDeadLetter]:
    """Return the dead letters of some sinks that mention the order, of twins only the first."""
    return [
        OrderDeadLetter(
            queue=each.sink.name,
            twin_in=each.twin_sink.name if each.twin_sink else "",
            id=each.dead_letter.message.id,
            at=format_time(each.dead_letter.message.sent_at),
            what=each.dead_letter.error or each.dead_letter.mechanism or "for an unknown reason",
        )
        for each in pair_twins(found)
        if each.dead_letter.mentions(order_id)
    ]
