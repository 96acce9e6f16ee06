"""Finish what sagas could not undo: all of it, or that of one order.

Without --yes, nothing is done. A compensation is called as the saga called it, where its order is
rejected or cancelled; when it succeeds, its order knows. An order that stands is left as it is:
what was parked on its way may be deleted. A record whose outcome could not be written is done with
when its order has come to its end since.

Ends with 0 when all is repaired, or could be, with 1 when something could not.
"""

from argparse import ArgumentParser, Namespace

from ops.commands.dlq_redrive import move, moving
from ops.deployed import Deployed
from ops.dlq.failure_sinks import Mechanism
from ops.orders.collect import RecordCollector
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("match", metavar="ORDER", nargs="?", help="an order's id (default: all)")
    parser.set_defaults(id=None, field=None)
    moving(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Repair what is in the places that sagas park in."""
    if arguments.match is not None:
        RecordCollector(deployed, arguments.match).order()
    sinks = [
        sink for sink in deployed.templates().failure_sinks() if sink.routes_by(Mechanism.SAGA)
    ]
    return move(sinks, arguments, deployed, terminal, word="repaired")
