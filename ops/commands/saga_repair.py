"""Repair sagas: call the compensations that failed for good, for one order or for all.

Without --yes, nothing is done. If the order is rejected or cancelled, the compensation is called
with the saga's own command, and the order's row is updated when it succeeds. If the order has
another state, nothing is undone: its dead letter is out of date and may be deleted. If the dead
letter says that the saga could not write the order's row, it is deleted once the order has ended.

Ends with 0 when all of these dead letters are repaired, or could be, and with 1 when something
could not. If ORDER waits for a compensation whose dead letter is gone, it says so, and ends with 2.
Without ORDER, no orders are read: `order list --stuck` lists those that wait.
"""

from argparse import ArgumentParser, Namespace

from lambdas.contracts.order_states import UNDONE_STATES
from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_redrive_options
from ops.deployed import Deployed, OperationError
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.failure_sinks import Mechanism
from ops.dlq.plan import Repair
from ops.dlq.redrive import Tally
from ops.dlq.runner import redrive_sinks
from ops.orders.collect import RecordCollector
from ops.orders.row_checks import parse_order
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("match", metavar="ORDER", nargs="?", help="an order's id (default: all)")
    parser.add_argument("--all", action="store_true", help="every order, as without ORDER")
    parser.set_defaults(id=None, field=None)
    add_redrive_options(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Redrive the failure sinks to which sagas dead-letter."""
    if arguments.match is not None and arguments.all:
        raise OperationError("name an ORDER, or say --all")
    if arguments.match is not None:
        # An order that is not there has no dead letter either.
        RecordCollector(deployed, arguments.match).order()
    sinks = find_failure_sinks(deployed.templates())
    of_sagas = [sink for sink in sinks if sink.routes_by(Mechanism.SAGA)]
    tally = redrive_sinks(of_sagas, arguments, deployed, terminal, word="repaired")
    if not tally.leaves_nothing:
        return NEEDS_ATTENTION
    if arguments.match is not None:
        _require_dead_letters(arguments.match, tally, deployed)
    return DONE


def _require_dead_letters(order_id: str, tally: Tally, deployed: Deployed) -> None:
    """Check that an undone order waits for no compensation but those that the tally has.

    Raises:
        OperationError: it waits for another, whose dead letter was not found.
    """
    order = parse_order(RecordCollector(deployed, order_id).order())
    if order.state not in UNDONE_STATES:
        return
    actions = [result.action for result in tally.results]
    found = {each.compensation for each in actions if isinstance(each, Repair)}
    if missing := [name for name in order.outstanding_compensations if name not in found]:
        raise OperationError(
            f"order {order_id} waits for {', '.join(missing)}, and no dead letter of it was found:"
            " try again in a minute; if it was purged or is 14 days old, docs/operations.md,"
            " What each queue holds, says how to repair it by hand"
        )
