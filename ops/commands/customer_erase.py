"""Erase a customer's address and name, and the customer's id in records of mails.

Without --yes, nothing is done. CUSTOMER is the id that events and orders have. Invoices and the
ledger stay, as the law requires; docs/security.md lists what else stays. The command may be
repeated, and then also finds mails of the last seconds.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

from ops.commands import DONE
from ops.commands.options import add_json_option, add_yes_option
from ops.deployed import Deployed, OperationError
from ops.dlq.executor import ActionFailedError, invoke_function
from ops.output import print_json, print_lines
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("customer_id", metavar="CUSTOMER", help="the customer's id")
    add_yes_option(parser)
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Erase the customer, or say what would be erased.

    Both are done by a function of notifications.
    """
    command = {"customer_id": arguments.customer_id, "dry_run": not arguments.yes}
    function = deployed.outputs("Notifications")["EraseCustomerFunction"]
    try:
        found = invoke_function(deployed.client("lambda"), function, command)
    except ActionFailedError as reason:
        raise OperationError(str(reason)) from reason
    outcome = {"customer_id": arguments.customer_id, "erased": arguments.yes, **found}
    if arguments.json:
        print_json(outcome)
    else:
        print_lines([as_text(outcome)])
    return DONE


def as_text(outcome: Mapping[str, Any]) -> str:
    """Return a line that says what was erased, or would be."""
    if not outcome["contact"] and not outcome["emails"]:
        customer = outcome["customer_id"]
        return f"nothing is kept of customer {customer}: is this the id that order list shows?"
    contact = "a contact" if outcome["contact"] else "no contact"
    what = f"{contact} and the customer in {outcome['emails']} records of mails"
    if outcome["erased"]:
        return f"erased {what}"
    return f"{what} would be erased; to erase them, add --yes"
