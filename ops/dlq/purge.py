"""Delete single dead letters by their ids, for good."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from ops.dlq.decode import DeadLetter, RawMessage, decode
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.readers import LeasedMessages, SinkReader
from ops.dlq.selection import require_found


@dataclass(slots=True)
class Purged:
    """The dead letters found, and the ids of those deleted.

    It is exact even after an interruption.
    """

    dead_letters: list[DeadLetter] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


def purge(
    sink: FailureSink, reader: SinkReader, ids: Sequence[str], purged: Purged, *, execute: bool
) -> None:
    """Find the dead letters of all ids, then delete them while they are leased.

    In a dry run (not ``execute``), only find them.

    Raises:
        OperationError: one was not found. Nothing was deleted.
    """
    with closing(reader.lease_messages()) as messages:
        found = find_messages(messages, ids)
        require_found(ids, [message.id for message in found])
        purged.dead_letters += [decode(message, sink) for message in found]
        for message in found if execute else ():
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
