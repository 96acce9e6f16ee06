"""Selection of failure sinks, and of dead letters in them."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence

from ops.deployed import OperationError
from ops.dlq.decode import DeadLetter
from ops.dlq.failure_sinks import FailureSink

Predicate = Callable[[DeadLetter], bool]


def add_selection_options(parser: ArgumentParser) -> None:
    """Declare the options that select dead letters. If several are given, all have to match."""
    parser.add_argument(
        "--id",
        action="append",
        metavar="ID",
        help="an id from dlq show; may be repeated",
    )
    parser.add_argument("--match", metavar="TEXT", help="dead letters that contain this text")
    parser.add_argument(
        "--field",
        action="append",
        metavar="PATH=VALUE",
        help="dead letters whose event has this value, such as detail.data.order_id=…",
    )


def parse_selection(arguments: Namespace) -> Predicate:
    """Return the predicate for the options.

    Raises:
        OperationError: an option's value is not valid.
    """
    fields = [each.partition("=") for each in arguments.field or ()]
    for path, equals, _ in fields:
        if not (path and equals):
            raise OperationError(f"--field wants PATH=VALUE, and not {path}")

    def is_selected(dead_letter: DeadLetter) -> bool:
        return (
            (not arguments.id or dead_letter.message.id in arguments.id)
            and (not arguments.match or dead_letter.mentions(arguments.match))
            and all(dead_letter.has_field(path, value) for path, _, value in fields)
        )

    return is_selected


def require_found(ids: Sequence[str] | None, found: Iterable[str]) -> None:
    """Check that each wanted id was found.

    Raises:
        OperationError: one was not.
    """
    if missing := sorted(set(ids or ()).difference(found)):
        raise OperationError(f"found no dead letter {', '.join(missing)}: see dlq show")


def find_sink(sinks: Sequence[FailureSink], name: str) -> FailureSink:
    """Return the sink with this name, such as ``shipping/DispatchShipmentDeadLetters``.

    A name without its service, or a part of a name, will do if only one sink has it. A queue is
    also found by its name in SQS, which notices and alarms have.

    Raises:
        OperationError: no name contains it, or several do.
    """
    whole = [
        sink
        for sink in sinks
        if name in (sink.name, sink.resource.physical, sink.resource.physical.rpartition("/")[2])
    ]
    in_any = [sink for sink in sinks if sink.name.endswith(f"/{name}")]
    found = whole or in_any or [sink for sink in sinks if name.lower() in sink.name.lower()]
    if not found:
        raise OperationError(f"there is no dead-letter queue {name}: see dlq list")
    if len(found) > 1:
        names = ", ".join(sink.name for sink in found)
        raise OperationError(f"{name} is a part of several names: {names}")
    return found[0]
