"""Delete single dead letters of a queue by their ids.

Without --yes, nothing is deleted: the command shows what would be deleted. Nothing is deleted
either if one of the ids is not found. What Lambda wrote to another queue about the same failed
invocation, its twin, is deleted with it. A deleted dead letter cannot be restored: keep the output
of `dlq show --json`.

Ends with 0 when all of them were deleted, or would be.
"""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from ops.commands import DONE, dlq_show
from ops.commands.options import add_json_option, add_yes_option
from ops.deployed import Deployed
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.purge import Purged, purge
from ops.dlq.selection import find_sink
from ops.output import print_json, print_text
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("queue", metavar="QUEUE", help="a name from dlq list, or part of one")
    parser.add_argument(
        "--id",
        action="append",
        required=True,
        metavar="ID",
        help="an id from dlq show; may be repeated",
    )
    add_yes_option(parser, help="delete them")
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Find all of the ids first, then delete them while they are leased."""
    sink = find_sink(find_failure_sinks(deployed.templates()), arguments.queue)
    purged = Purged()
    try:
        purge(sink, deployed, arguments.id, purged, execute=arguments.yes)
    finally:
        if purged.dead_letters:
            report(purged, sink, arguments)
    return DONE


def report(purged: Purged, sink: FailureSink, arguments: Namespace) -> None:
    """Print each dead letter, and whether it was deleted."""
    found = [(sink, each) for each in purged.dead_letters] + purged.twins
    if arguments.json:
        print_json(
            [
                {**dlq_show.as_json(each, at), "deleted": each.message.id in purged.deleted}
                for at, each in found
            ]
        )
        return
    now, lines = datetime.now(UTC), list[str]()
    for at, each in found:
        lines += [f"the twin in {at.name}:"] if (at, each) in purged.twins else []
        lines += [*dlq_show.describe(each, at, now=now), ""]
    if arguments.yes:
        lines.append(f"{len(purged.deleted)} deleted")
    else:
        lines.append(f"{len(found)} would be deleted; to do it, add --yes")
    print_text("\n".join(lines))
