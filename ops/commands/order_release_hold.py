"""Release a hold of an order, so that the order may be dispatched.

Without --yes, nothing is done. A hold is named by its cause, the id of the event that requested it:
`order show` shows it. An order with several holds is dispatched when the last of them is released.

Ends with 0 when nothing holds the order any more, or would, and with 1 when something else does.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.times import format_time
from lambdas.orders.holds import NoSuchHoldError, lift_hold
from lambdas.orders.rows import order_of
from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_json_option, add_yes_option
from ops.deployed import Deployed, OperationError
from ops.dlq.executor import ActionFailedError, invoke_function
from ops.orders.collect import RecordCollector
from ops.output import print_json, print_lines
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("order_id", metavar="ORDER", help="the order's id")
    parser.add_argument("cause", metavar="CAUSE", help="the cause of the hold")
    add_yes_option(parser)
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Release the hold, or say which holds would remain. Both are done by a function of orders."""
    order = order_of(RecordCollector(deployed, arguments.order_id).order())
    try:
        lifted = lift_hold(order, cause=arguments.cause, now=format_time(datetime.now(UTC)))
        held = [hold.cause for hold in lifted.held]
        if arguments.yes:
            command = {"order_id": order.order_id, "cause": arguments.cause}
            function = deployed.outputs("Orders")["LiftHoldFunction"]
            held = invoke_function(deployed.client("lambda"), function, command)["held"]
    except (NoSuchHoldError, ActionFailedError) as reason:
        raise OperationError(str(reason)) from reason
    outcome = {"order_id": order.order_id, "lifted": arguments.yes, "held": held}
    if arguments.json:
        print_json(outcome)
    else:
        print_lines([as_text(outcome)])
    return NEEDS_ATTENTION if held else DONE


def as_text(outcome: Mapping[str, Any]) -> str:
    """Return a line that says what still holds the order, or would."""
    causes = ", ".join(outcome["held"]) or "nothing"
    if outcome["lifted"]:
        return f"lifted; order {outcome['order_id']} is held by {causes}"
    return f"order {outcome['order_id']} would be held by {causes}; to lift it, add --yes"
