"""List orders, the newest first, and what is wrong with each according to its row.

The whole table of orders is read. An order is stuck when no saga has worked on it for ten minutes
though it is open, when a person was called because it waits for too long, or when a compensation
of it failed for good. `order show` also looks at what the other services have on record. With
`--unnotified` the records of e-mails are read as well.

Ends with 0 when nothing is wrong with the orders selected, and with 1 when something is.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from lambdas.contracts.order_states import OrderState
from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_json_option, whole_number
from ops.deployed import Deployed
from ops.orders.listing import ListedOrder, Selection, UnreadableRow, list_orders
from ops.orders.trace import format_amount
from ops.output import format_age, format_summary, one_line, print_json, print_text
from ops.terminal import Terminal
from ops.views.compare import DynamoTable

DEFAULT_LIMIT = 100


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--state",
        type=str.upper,
        choices=[str(state) for state in OrderState],
        help="orders in this state",
    )
    parser.add_argument("--customer", metavar="ID", help="orders of this customer")
    parser.add_argument("--held", action="store_true", help="orders that a hold keeps")
    parser.add_argument("--deferred", action="store_true", help="orders that wait to be resumed")
    parser.add_argument("--stuck", action="store_true", help="orders that need a person")
    parser.add_argument(
        "--unnotified",
        action="store_true",
        help="orders whose customers lack a mail or an invoice, by the records of notifications",
    )
    parser.add_argument(
        "--older-than",
        type=whole_number(1),
        metavar="MINUTES",
        help="orders placed that long ago",
    )
    parser.add_argument(
        "--limit",
        type=whole_number(1),
        default=DEFAULT_LIMIT,
        metavar="N",
        help="the newest N of them (default: %(default)s)",
    )
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Read all orders, and print those selected."""
    now, age = datetime.now(UTC), arguments.older_than
    selection = Selection(
        state=arguments.state,
        customer=arguments.customer,
        held=arguments.held,
        stuck=arguments.stuck,
        deferred=arguments.deferred,
        older_than=age and timedelta(minutes=age),
    )
    table, dynamodb = deployed.outputs("Orders")["OrdersTable"], deployed.client("dynamodb")
    emails = None
    if arguments.unnotified:
        name = deployed.outputs("Notifications")["EmailRecordsTable"]
        emails = DynamoTable(deployed.table(name), deployed.session.resource("dynamodb"))
    listing = list_orders(dynamodb, table, selection, limit=arguments.limit, now=now, emails=emails)
    if arguments.json:
        unreadable = [each.as_json() for each in listing.unreadable]
        print_json([*unreadable, *(each.as_json() for each in listing.orders)])
    else:
        print_text(as_text(listing.orders, listing.unreadable, of=listing.selected, now=now))
    return NEEDS_ATTENTION if listing.unreadable or listing.with_problems else DONE


def as_text(
    orders: Sequence[ListedOrder], unreadable: Sequence[UnreadableRow], *, of: int, now: datetime
) -> str:
    """Return a row for each order, and a line for each row that cannot be parsed as an order."""
    rows = [
        (
            each.order.order_id,
            str(each.order.state),
            format_age(datetime.fromisoformat(each.order.placed_at), now),
            format_amount({"amount": each.order.total, "currency": each.order.currency}),
            each.order.customer_id,
            "; ".join(_remarks(each)),
        )
        for each in orders
    ]
    lines = [
        f"{one_line(each.order_id)} is no order: {one_line(each.error)}" for each in unreadable
    ]
    heads = ("ORDER", "STATE", "AGE", "TOTAL", "CUSTOMER", "REMARKS")
    return "\n".join([*lines, format_summary(heads, rows, f"{len(orders)} of {of} orders")])


def _remarks(each: ListedOrder) -> list[str]:
    deferred = [each.order.deferred_because] if each.order.deferred_since else []
    return [
        *(f"held: {reason}" for reason in each.held),
        *(f"deferred: {because}" for because in deferred),
        *each.problems,
    ]
