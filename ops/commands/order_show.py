"""Show an order's trace across services, and what is wrong with it.

Nothing is changed. Ends with 0 when all is well, with 1 when something is wrong that does not
resolve itself or the order has a dead letter, and with 2 when there is no such order or a service
could not be read. The records of the other services are shown all the same.
"""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from ops.commands import DONE, FAILED, NEEDS_ATTENTION
from ops.commands.options import add_json_option
from ops.deployed import Deployed
from ops.orders.collect import RecordCollector
from ops.orders.render import render_lines
from ops.orders.trace import trace_document
from ops.output import print_json, print_lines
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("order_id", metavar="ORDER", help="the order's id, as its customer has it")
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Read the records of all services, and print the trace."""
    known = RecordCollector(deployed, arguments.order_id).collect()
    trace = trace_document(known, now=datetime.now(UTC))
    if arguments.json:
        print_json(trace)
    else:
        print_lines(render_lines(trace))
    if trace["unreadable"]:
        return FAILED
    return NEEDS_ATTENTION if trace["problems"] else DONE
