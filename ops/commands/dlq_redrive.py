"""Redrive the dead letters of a queue, or of every queue with --all.

Without --yes, nothing is done. Each dead letter goes back to what failed on it: a queue, function,
state machine, stream, log or topic. Then it is deleted. A redrive that was interrupted may be run
again: consumers ignore what they got before. One run attempts each dead letter once. If Lambda
wrote two for one failed invocation, to a dead-letter queue and to a destination, one is redriven,
and both are deleted.

Ends with 0 when all selected dead letters were moved, or would be, and with 1 when one could not
be moved or seen, or came meanwhile: it may have failed again. A queue that you may not read is
named and left as it is.
"""

from argparse import ArgumentParser, Namespace

from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_redrive_options
from ops.deployed import Deployed, OperationError
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.runner import redrive_sinks
from ops.dlq.selection import add_selection_options, find_sink
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "queue", metavar="QUEUE", nargs="?", help="a name from dlq list, or part of one"
    )
    parser.add_argument("--all", action="store_true", help="every queue and bucket")
    add_selection_options(parser)
    add_redrive_options(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Redrive one failure sink, or all."""
    if bool(arguments.queue) == arguments.all:
        raise OperationError("name a QUEUE, or say --all")
    sinks = find_failure_sinks(deployed.templates())
    selected = sinks if arguments.all else [find_sink(sinks, arguments.queue)]
    tally = redrive_sinks(selected, arguments, deployed, terminal, word="moved")
    return DONE if tally.leaves_nothing else NEEDS_ATTENTION
