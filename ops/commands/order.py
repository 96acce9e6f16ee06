"""Tell an order's whole journey across services, and what is wrong with it.

Nothing is changed. Ends with 0 when all is as it should be, with 1 when something is wrong that
does not mend itself or a piece of it is parked, and with 2 when there is no such order, or when a
service could not be asked: of the others it tells all the same.
"""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from ops.commands import DONE, FAILED, OPEN
from ops.deployed import Deployed
from ops.journey import document
from ops.story import lines
from ops.tables import show, show_json
from ops.terminal import Terminal
from ops.witnesses import Witnesses


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("order_id", metavar="ID", help="the order's id, as its customer has it")
    parser.add_argument("--json", action="store_true", help="tell it for scripts")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Ask all services, and tell what they know."""
    known = Witnesses(deployed, arguments.order_id).ask()
    journey = document(known, now=datetime.now(UTC))
    if arguments.json:
        show_json(journey)
    else:
        show("\n".join(lines(journey)))
    if journey["unread"]:
        return FAILED
    return OPEN if journey["wrong"] else DONE
