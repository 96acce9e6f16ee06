"""On schedule: asks what became of the orders whose charges are not settled after long."""

from datetime import timedelta
from typing import Any

from lambdas.payments.unsettled import unsettled
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run
from lambdas.runtime.settings import setting


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer how many questions were asked and rejected; a dry run, about which orders."""
    patience = timedelta(seconds=int(setting("PATIENCE_SECONDS")))
    if is_dry_run(event):
        orders = unsettled().would_ask(patience=patience)
        log("charges would be asked about", found=len(orders))
        return {"would_ask": orders}
    done = unsettled().ask(patience=patience)
    log("charges asked about", asked=done.asked, rejected=done.rejected)
    return {"asked": done.asked, "rejected": done.rejected}
