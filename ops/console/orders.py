"""Pages about orders: a searchable list, and one order's journey."""

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lambdas.contracts.order_states import OrderState
from lambdas.orders.domain import is_order_id
from ops.console.page import console_of, page
from ops.console.saga_machines import definition_of, name_of
from ops.console.saga_picture import picture_of
from ops.deployed import Deployed
from ops.orders.collect import READ_ERRORS, RecordCollector
from ops.orders.executions import Execution
from ops.orders.listing import Selection, list_newest, list_orders
from ops.orders.render import RENDERERS
from ops.orders.trace import trace_document

LIMIT = 100
"""How many orders are listed, the newest."""
AGES = {"": "any age", "1": "a minute", "10": "10 minutes", "60": "an hour", "1440": "a day"}
"""How old an order is at least, by minutes."""


def show_list(request: Request) -> Response:
    """Show the newest orders that meet all search terms."""
    asked = request.query_params
    wanted = asked.get("customer", "").strip()
    if is_order_id(wanted):
        return RedirectResponse(f"/orders/{wanted}", 303)
    state = asked.get("state", "")
    age = asked.get("age", "")
    selection = Selection(
        state=state if state in set(OrderState) else None,
        customer=wanted or None,
        held="held" in asked,
        stuck="stuck" in asked,
        deferred="deferred" in asked,
        older_than=timedelta(minutes=int(age)) if age and age in AGES else None,
    )
    deployed = console_of(request).deployed
    table = deployed.client("dynamodb"), deployed.outputs("Orders")["OrdersTable"]
    now = datetime.now(UTC)
    if selection == Selection():
        listing = list_newest(*table, limit=LIMIT, now=now)
    else:
        listing = list_orders(*table, selection, limit=LIMIT, now=now)
    context = {"listing": listing, "asked": selection, "age": age, "ages": AGES}
    return page(request, "orders.html", {**context, "states": list(OrderState)})


def show_order(request: Request) -> Response:
    """Show an order's state, the states that its sagas entered, and its events."""
    deployed = console_of(request).deployed
    known = RecordCollector(deployed, request.path_params["order_id"]).collect()
    trace = trace_document(known, now=datetime.now(UTC))
    standing = {service: list(RENDERERS[service](row)) for service, row in trace["records"].items()}
    context = {
        "trace": trace,
        "order": trace["records"]["orders"],
        "standing": standing,
        "sagas": [_saga(deployed, execution) for execution in reversed(known.executions)],
    }
    return page(request, "order.html", context)


def _saga(deployed: Deployed, execution: Execution) -> dict[str, Any]:
    """Return an execution with its picture, or with the reason why there is none."""
    picture, why = None, ""
    try:
        picture = picture_of(definition_of(deployed, execution.arn), execution)
    except READ_ERRORS as error:
        why = str(error).partition("\n")[0]
    name = name_of(deployed.templates(), execution.arn)
    return {"execution": execution, "name": name, "picture": picture, "why": why}


ROUTES = [Route("/orders", show_list), Route("/orders/{order_id}", show_order)]
