"""Resume deferred orders now: one, those that wait for the same reason, or all.

Without --yes, nothing is done. An order is deferred when its saga cannot continue; a job resumes it
when it is due. When you resume it, its saga starts at once, and its deferrals count from zero.
Those on which a saga works already, or that went on before they were reached, are counted, and left
alone.

Ends with 0 when all selected orders are resumed, or could be, and with 1 when one could not.
"""

import time
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from functools import cache

from lambdas.orders.domain import NotDeferredError
from lambdas.orders.stalled_orders import is_stalled
from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_redrive_options
from ops.deployed import Deployed, OperationError
from ops.dlq.executor import ActionFailedError, invoke_function
from ops.orders.collect import RecordCollector
from ops.orders.listing import Selection, list_orders
from ops.orders.row_checks import parse_order
from ops.output import print_json, print_text
from ops.terminal import Terminal

MAX_ORDERS = 100_000
"""How many orders one command resumes at most."""


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("order_id", metavar="ORDER", nargs="?", help="an order's id")
    which.add_argument("--all", action="store_true", help="all deferred orders")
    which.add_argument("--reason", metavar="R", help="those deferred by this step or error")
    add_redrive_options(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Invoke orders' function for each order, or print for how many it would be invoked."""
    selected, worked_on = _selected(arguments, deployed)
    function = deployed.outputs("Orders")["ResumeOrderFunction"]
    client = cache(deployed.client)
    failed: dict[str, str] = {}
    resumed = went_on = 0
    try:
        for number, order_id in enumerate(selected if arguments.yes else ()):
            time.sleep(1 / arguments.per_second if number else 0)
            try:
                invoke_function(client("lambda"), function, {"order_id": order_id})
                resumed += 1
            except ActionFailedError as refusal:
                if refusal.error == NotDeferredError.__name__:
                    # The job, or another command, was faster.
                    went_on += 1
                else:
                    failed[order_id] = refusal.why
    finally:
        # An interrupted command says what it has done.
        if arguments.json:
            counts = {"selected": len(selected), "worked_on": worked_on}
            print_json({**counts, "resumed": resumed, "went_on": went_on, "failed": failed})
        else:
            # Else an operator who has just listed more of them would miss some.
            others = f"{worked_on} other{'s' if worked_on > 1 else ''}"
            busy = [f"a saga works on {others} already"] if worked_on else []
            they = "them" if went_on > 1 else "it"
            gone = [f"{went_on} went on before this reached {they}"] if went_on else []
            to_do = f"{len(selected)} to resume" + ("; to do it, add --yes" if selected else "")
            done = f"{resumed} resumed" if arguments.yes else to_do
            failures = [f"order {id} was not resumed: {why}" for id, why in failed.items()]
            print_text("\n".join([*failures, *busy, *gone, done]))
    return NEEDS_ATTENTION if failed else DONE


def _selected(arguments: Namespace, deployed: Deployed) -> tuple[list[str], int]:
    """Return the ids of the selected deferred orders without a saga, longest deferred first.

    Return as well how many have one: the job has resumed them since they were deferred.
    """
    now = datetime.now(UTC)
    if arguments.order_id is not None:
        row = RecordCollector(deployed, arguments.order_id).order()
        order = parse_order(row)
        is_waiting = is_stalled(order, now=int(now.timestamp()))
        if not order.deferred_since or not is_waiting:
            why = "a saga works on it already" if order.deferred_since else "is not deferred"
            raise OperationError(f"order {order.order_id} is {order.state}, and {why}")
        return [order.order_id], 0
    selection = Selection(deferred=True, reason=arguments.reason)
    table, dynamodb = deployed.outputs("Orders")["OrdersTable"], deployed.client("dynamodb")
    listed = list_orders(dynamodb, table, selection, limit=MAX_ORDERS, now=now).orders
    waiting = [each.order for each in listed if is_stalled(each.order, now=int(now.timestamp()))]
    waiting.sort(key=lambda each: each.deferred_since or "")
    return [order.order_id for order in waiting], len(listed) - len(waiting)
