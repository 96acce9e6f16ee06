"""Release a hold of an order, so that the order may be dispatched.

Without --yes, nothing is done. A hold is named by its cause, the id of the event that requested it:
`order show` shows it. An order with several holds is dispatched when the last of them is released.

With --cancel the order is cancelled instead, and the hold stays: so nothing leaves. This is for an
order whose payment was disputed, and whose dispute is lost: the customer, who cannot cancel it, has
the money back. It is undone as any other order, and its payment is not refunded a second time.

Ends with 0 when nothing holds the order any more, or would, or its cancellation has begun, or
would, and with 1 when something else holds it.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.times import format_time
from lambdas.orders.holds import NoSuchHoldError, cancel_held, lift_hold
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
    parser.add_argument(
        "--cancel", action="store_true", help="cancel the order, whose dispute was lost"
    )
    add_yes_option(parser)
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Release the hold, or say which holds would remain. Both are done by a function of orders."""
    order = order_of(RecordCollector(deployed, arguments.order_id).order())
    try:
        do = cancel_held if arguments.cancel else lift_hold
        after = do(order, cause=arguments.cause, now=format_time(datetime.now(UTC)))
        held, state = [hold.cause for hold in after.held], str(order.state)
        if arguments.yes:
            command: dict[str, Any] = {"order_id": order.order_id, "cause": arguments.cause}
            if arguments.cancel:
                command["cancel"] = True
            function = deployed.outputs("Orders")["LiftHoldFunction"]
            answer = invoke_function(deployed.client("lambda"), function, command)
            held, state = answer["held"], answer["state"]
    except (NoSuchHoldError, ActionFailedError) as reason:
        raise OperationError(str(reason)) from reason
    is_done = arguments.yes or after == order
    outcome: dict[str, Any] = {"order_id": order.order_id, "held": held}
    if arguments.cancel:
        outcome |= {"cancelled": state == OrderState.CANCELLED, "state": state}
        said = _of_cancellation(order.order_id, state, is_done=is_done)
    else:
        outcome |= {"lifted": is_done}
        said = _of_lift(order.order_id, held, is_done=is_done)
    if arguments.json:
        print_json(outcome)
    else:
        print_lines([said])
    return NEEDS_ATTENTION if held and not arguments.cancel else DONE


def _of_cancellation(order_id: str, state: str, *, is_done: bool) -> str:
    if not is_done:
        return f"order {order_id} is {state} and would be cancelled; to cancel it, add --yes"
    if state == OrderState.CANCELLED:
        return f"order {order_id} is {state}"
    return f"order {order_id} is {state} until everything is undone; then it is CANCELLED"


def _of_lift(order_id: str, held: Sequence[str], *, is_done: bool) -> str:
    """Return a line that says what still holds the order, or would."""
    causes = ", ".join(held) or "nothing"
    if is_done:
        return f"lifted; order {order_id} is held by {causes}"
    return f"order {order_id} would be held by {causes}; to lift it, add --yes"
