"""Tell an order's whole journey across services, and what is wrong with it.

Nothing is changed. Ends with 0 when all is as it should be, with 1 when something is wrong that
does not mend itself or a piece of it is parked, and with 2 when there is no such order, or when a
service could not be asked: of the others it tells all the same.
"""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from ops.commands import DONE, FAILED, OPEN
from ops.deployed import Deployed
from ops.orders.collect import RecordCollector
from ops.orders.render import render_lines
from ops.orders.trace import journey_document
from ops.output import print_json, print_text
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("order_id", metavar="ID", help="the order's id, as its customer has it")
    parser.add_argument("--json", action="store_true", help="tell it for scripts")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Ask all services, and tell what they know."""
    known = RecordCollector(deployed, arguments.order_id).collect()
    journey = journey_document(known, now=datetime.now(UTC))
    if arguments.json:
        print_json(journey)
    else:
        print_text("\n".join(render_lines(journey)))
    if journey["unreadable"]:
        return FAILED
    return OPEN if journey["problems"] else DONE
