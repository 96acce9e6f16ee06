"""On schedule: query the orders whose charges have been unresolved for long."""

from datetime import timedelta
from functools import partial
from typing import Any

from lambdas.payments.unresolved_charges import unresolved_charges
from lambdas.runtime.settings import setting
from lambdas.runtime.status_queries import run_status_queries


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return how many queries were published and rejected; a dry run, the orders to query."""
    stale_after = timedelta(seconds=int(setting("STALE_AFTER_SECONDS")))
    charges = unresolved_charges()
    return run_status_queries(
        event,
        "charges",
        find=partial(charges.find_stale, stale_after=stale_after),
        query=partial(charges.query_stale, stale_after=stale_after),
    )
