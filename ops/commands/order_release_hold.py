"""Lift a hold of an order, so that it may leave.

Without --yes, nothing is done. A hold is known by its cause, the id of the message that asked for
it: `order` names it. What is held for several causes leaves when the last of them is lifted.

Ends with 0 when nothing holds the order any more, or would, with 1 when something else does.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lambdas.orders.holds import NoSuchHoldError, lift_hold
from lambdas.orders.rows import order_of
from ops.commands import DONE, OPEN
from ops.deployed import Deployed, OperationError
from ops.dlq.executor import ActionFailedError, invoke_function
from ops.orders.collect import RecordCollector
from ops.output import print_json, print_text
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("order_id", metavar="ORDER", help="the order's id")
    parser.add_argument("cause", metavar="CAUSE", help="what asked for the hold")
    parser.add_argument("--yes", action="store_true", help="do it")
    parser.add_argument("--json", action="store_true", help="for scripts")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Lift the hold, or say what would be if it were; orders' own code decides either way."""
    known = order_of(RecordCollector(deployed, arguments.order_id).order())
    try:
        lifted = lift_hold(known, cause=arguments.cause, now=datetime.now(UTC).isoformat())
        held = [hold.cause for hold in lifted.held]
        if arguments.yes:
            command = {"order_id": known.order_id, "cause": arguments.cause}
            function = deployed.outputs("Orders")["LiftHoldFunction"]
            held = invoke_function(deployed.client("lambda"), function, command)["held"]
    except (NoSuchHoldError, ActionFailedError) as reason:
        raise OperationError(str(reason)) from reason
    told = {"order_id": known.order_id, "lifted": arguments.yes, "held": held}
    if arguments.json:
        print_json(told)
    else:
        print_text(as_text(told))
    return OPEN if held else DONE


def as_text(told: Mapping[str, Any]) -> str:
    """What holds the order now, or would."""
    causes = ", ".join(told["held"]) or "nothing"
    if told["lifted"]:
        return f"lifted; order {told['order_id']} is held by {causes}"
    return f"order {told['order_id']} would be held by {causes}; to lift it, add --yes"
