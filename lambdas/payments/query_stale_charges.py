"""On schedule: asks what became of the orders whose charges are not settled after long."""

from datetime import timedelta
from typing import Any

from lambdas.payments.unresolved_charges import unresolved_charges
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run
from lambdas.runtime.settings import setting


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer how many questions were asked and rejected; a dry run, about which orders."""
    stale_after = timedelta(seconds=int(setting("STALE_AFTER_SECONDS")))
    if is_dry_run(event):
        orders = unresolved_charges().find_stale(stale_after=stale_after)
        log("stale_charges_found", found=len(orders))
        return {"would_query": orders}
    done = unresolved_charges().query_stale(stale_after=stale_after)
    log("stale_charges_queried", queried=done.queried, rejected=done.rejected)
    return {"queried": done.queried, "rejected": done.rejected}
