"""Which places and which of their records are meant."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence

from ops.deployed import OperationError
from ops.places import Place
from ops.records import Record

Choice = Callable[[Record], bool]


def choosing(parser: ArgumentParser) -> None:
    """Declare the options that choose records; those given must all hold."""
    parser.add_argument(
        "--id", action="append", metavar="ID", help="this one, as show names it; may be repeated"
    )
    parser.add_argument("--match", metavar="TEXT", help="those in which this text is, anywhere")
    parser.add_argument(
        "--field",
        action="append",
        metavar="PATH=VALUE",
        help="those of whose event this is true, such as detail.data.order_id=…",
    )


def choice(arguments: Namespace) -> Choice:
    """Whether a record is meant.

    Raises:
        OperationError: an option cannot be read.
    """
    fields = [each.partition("=") for each in arguments.field or ()]
    for path, equals, _ in fields:
        if not (path and equals):
            raise OperationError(f"--field wants PATH=VALUE, and not {path}")

    def chosen(record: Record) -> bool:
        return (
            (not arguments.id or record.message.id in arguments.id)
            and (not arguments.match or record.mentions(arguments.match))
            and all(record.has(path, value) for path, _, value in fields)
        )

    return chosen


def find(places: Sequence[Place], name: str) -> Place:
    """The place of that name, or of the only name that has this text in it.

    Raises:
        OperationError: there is none, or more than one.
    """
    exact = [place for place in places if name in (place.name, place.resource.physical)]
    found = exact or [place for place in places if name.lower() in place.name.lower()]
    if not found:
        raise OperationError(f"there is no place named {name}: see queues")
    if len(found) > 1:
        raise OperationError(f"{name} may be {', '.join(place.name for place in found)}")
    return found[0]
