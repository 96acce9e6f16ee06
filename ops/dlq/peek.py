"""Read failure sinks without removing anything."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from ops.dlq.decode import DeadLetter, decode
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.readers import Depth, NotDeployedError, SinkReader, reader_for
from ops.dlq.redrive import concerns_one_sink

T = TypeVar("T")

MAX_WORKERS = 40
"""How many sinks are read at a time. They wait more than they work: a queue's last answer is empty,
and takes a second.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkContents:
    """The contents of a sink, as far as they were read."""

    sink: FailureSink
    depth: Depth
    dead_letters: Sequence[DeadLetter]

    @property
    def is_complete(self) -> bool:
        """Whether all messages were read. Other consumers may have leased some."""
        return len(self.dead_letters) >= self.depth.total


@dataclass(slots=True, kw_only=True)
class FoundDeadLetter:
    """A dead letter, and where it stands."""

    dead_letter: DeadLetter
    sink: FailureSink
    twin_sink: FailureSink | None = None
    """Where its twin stands, if it has one."""


def pair_twins(found: Iterable[SinkContents]) -> list[FoundDeadLetter]:
    """Return the dead letters of some sinks, and of twins only the first."""
    letters: list[FoundDeadLetter] = []
    by_invocation: dict[str, FoundDeadLetter] = {}
    for contents in found:
        for each in contents.dead_letters:
            first = by_invocation.get(each.invocation_id)
            if first and not first.twin_sink and each.is_twin_of(first.dead_letter):
                first.twin_sink = contents.sink
                continue
            letters.append(FoundDeadLetter(dead_letter=each, sink=contents.sink))
            by_invocation.setdefault(each.invocation_id, letters[-1])
    return letters


def lease_dead_letters(
    sink: FailureSink, reader: SinkReader, *, limit: int | None = None
) -> list[DeadLetter]:
    """Return at most ``limit`` dead letters of a sink. They are leased, and returned at the end."""
    with closing(reader.lease_messages()) as messages:
        return [decode(message, sink) for message in islice(messages, limit)]


def peek(sink: FailureSink, reader: SinkReader, *, limit: int | None = None) -> SinkContents:
    """Return the contents of a sink. If SQS says that it is empty, it is not read.

    SQS may count a new message a minute late.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
    """
    depth = reader.depth()
    dead_letters = lease_dead_letters(sink, reader, limit=limit) if depth.visible else ()
    return SinkContents(sink=sink, depth=depth, dead_letters=dead_letters)


def peek_all(
    sinks: Sequence[FailureSink], client: Callable[[str], Any], *, limit: int | None = None
) -> tuple[list[SinkContents], dict[str, str]]:
    """Return the contents of the readable sinks, and for each other sink the reason.

    ``client`` makes boto3's client of a service.
    """
    clients = {name: client(name) for name in ("sqs", "s3")}
    readers = {sink.name: reader_for(sink, clients.__getitem__) for sink in sinks}
    by_name = {sink.name: sink for sink in sinks}

    def read(name: str) -> SinkContents:
        return peek(by_name[name], readers[name], limit=limit)

    found, unreadable = _each(readers, read)
    return list(found.values()), unreadable


def measure_all(readers: Mapping[str, SinkReader]) -> tuple[dict[str, Depth], dict[str, str]]:
    """Return the depths of the readable sinks, and for each other sink the reason."""
    return _each(readers, lambda name: readers[name].depth())


def _each(names: Collection[str], read: Callable[[str], T]) -> tuple[dict[str, T], dict[str, str]]:
    """Read some sinks, a few at a time. One that is refused or missing does not hide the others."""
    unreadable: dict[str, str] = {}

    def attempt(name: str) -> tuple[str, T] | None:
        try:
            return name, read(name)
        except ClientError as error:
            if not concerns_one_sink(error):
                raise
            unreadable[name] = str(error)
        except NotDeployedError as error:
            unreadable[name] = str(error)
        return None

    with ThreadPoolExecutor(MAX_WORKERS) as pool:
        found = dict(filter(None, pool.map(attempt, names)))
    return found, dict(sorted(unreadable.items()))
