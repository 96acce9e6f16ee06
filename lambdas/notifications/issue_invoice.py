"""On OrderConfirmed: issue the order's invoice, once."""

from typing import Any

from lambdas.contracts.codec import encode
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.parsing import parse_event
from lambdas.notifications.invoice_pdf import render
from lambdas.notifications.invoices import invoice_for
from lambdas.notifications.store import Invoices
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

invoices = Invoices(setting("INVOICES_BUCKET"), s3=client("s3"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Store the invoice if it is new; return its number and key, the same at every attempt."""
    confirmed = parse_event([OrderConfirmed], event)
    invoice = invoice_for(confirmed.data)
    new = invoices.put_if_absent(invoice.key, render(confirmed, number=invoice.number))
    log("invoice_issued", order_id=invoice.order_id, new=new)
    return encode(invoice)
