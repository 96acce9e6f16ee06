"""Tell an order's whole journey across services, and what is wrong with it.

Nothing is changed. Ends with 0 when all is as it should be, with 1 when something is wrong that
does not mend itself or a piece of it is parked, and with 2 when there is no such order, or when a
service could not be asked: of the others it tells all the same.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Set
from datetime import UTC, datetime
from typing import Any

from ops.commands import DONE, FAILED, OPEN
from ops.deployed import Deployed
from ops.journey import document
from ops.story import lines
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
        said = json.dumps(journey, indent=2, default=_plain)
    else:
        said = "\n".join(lines(journey))
    sys.stdout.write(f"{said}\n")
    if journey["unread"]:
        return FAILED
    return OPEN if journey["wrong"] else DONE


def _plain(value: Any) -> Any:
    """What JSON has no word for: a set of texts, or a time."""
    return sorted(value) if isinstance(value, Set) else value.isoformat()
