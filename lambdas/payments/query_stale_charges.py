"""On schedule: query the status of orders whose charges have been unresolved for long."""

from datetime import timedelta
from functools import partial
from typing import Any

from lambdas.payments.unresolved_charges import make_unresolved_charges
from lambdas.runtime.settings import whole_number
from lambdas.runtime.status_queries import run_status_queries

STALE_AFTER = timedelta(seconds=whole_number("STALE_AFTER_SECONDS"))
charges = make_unresolved_charges()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the numbers of queries published and rejected; in a dry run, the orders to query."""
    return run_status_queries(
        event,
        "charges",
        find=partial(charges.find_stale, stale_after=STALE_AFTER),
        query=partial(charges.query_stale, stale_after=STALE_AFTER),
    )
