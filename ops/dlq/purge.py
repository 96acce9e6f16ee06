"""Delete single dead letters by their ids, for good, and with each its twin.

Lambda writes two of one failed invocation, if the function has a dead-letter queue and a
destination. A redrive of the one that stays would do the work that was given up.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from ops.deployed import Deployed
from ops.dlq.decode import DeadLetter, RawMessage, decode
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.readers import LeasedMessages, reader_for
from ops.dlq.runner import sinks_of_twins
from ops.dlq.selection import require_found


@dataclass(slots=True)
class Purged:
    """The dead letters found, and the ids of those deleted.

    It is exact even after an interruption.
    """

    dead_letters: list[DeadLetter] = field(default_factory=list)
    twins: list[tuple[FailureSink, DeadLetter]] = field(default_factory=list)
    """Each with its queue."""
    deleted: list[str] = field(default_factory=list)


def purge(
    sink: FailureSink, deployed: Deployed, ids: Sequence[str], purged: Purged, *, execute: bool
) -> None:
    """Find the dead letters of all ids, then delete their twins and them while they are leased.

    In this order, an interrupted purge can be repeated. In a dry run (not ``execute``), only find
    them.

    Raises:
        OperationError: one was not found. Nothing was deleted.
    """
    reader = reader_for(sink, deployed.client)
    with closing(reader.lease_messages()) as messages:
        found = find_messages(messages, ids)
        require_found(ids, [message.id for message in found])
        purged.dead_letters += [decode(message, sink) for message in found]
        for other in sinks_of_twins([sink], deployed):
            if other != sink:
                _purge_twins(other, deployed, purged, execute=execute)
        for message in found if execute else ():
            reader.delete(message)
            purged.deleted.append(message.id)


def _purge_twins(sink: FailureSink, deployed: Deployed, purged: Purged, *, execute: bool) -> None:
    reader = reader_for(sink, deployed.client)
    if not reader.depth().total:
        return
    with closing(reader.lease_messages()) as messages:
        for message in messages:
            twin = decode(message, sink)
            if any(map(twin.is_twin_of, purged.dead_letters)):
                purged.twins.append((sink, twin))
                if execute:
                    reader.delete(message)
                    purged.deleted.append(message.id)


def find_messages(messages: LeasedMessages, ids: Sequence[str]) -> list[RawMessage]:
    """Return the messages with these ids. Stop reading once all are found."""
    missing, found = set(ids), list[RawMessage]()
    for message in messages:
        if message.id in missing:
            missing.remove(message.id)
            found.append(message)
        if not missing:
            break
    return found
