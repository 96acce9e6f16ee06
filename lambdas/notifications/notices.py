"""What a customer is notified of: an event of the order, and the invoice that goes with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.codec import ContractError, decode
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.notifications import NOTIFIED_EVENTS
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.parsing import parse_event
from lambdas.notifications.invoices import IssuedInvoice, invoice_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An event that the customer is notified of."""

    event: EventEnvelope[Any]
    invoice: IssuedInvoice | None = None
    """The invoice of a confirmed order; None if it could not be issued, and for other events."""


def parse_notice(delivered: Mapping[str, Any]) -> Notice:
    """Parse what ``notify_customer`` is invoked with.

    A confirmed order comes from ``issue_invoice``: in Lambda's record of its success or, by way of
    SNS, of its failure. The other events come from the bus.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html

    Raises:
        ContractError: it is none of these, or the invoice is another order's.
    """
    match delivered:
        case {"requestPayload": confirmed, "responsePayload": invoice}:
            event = parse_event([OrderConfirmed], confirmed)
            return Notice(event=event, invoice=_invoice_of(event.data, invoice))
        case {"Records": [{"Sns": {"Message": str(message)}}]}:
            return Notice(event=parse_event([OrderConfirmed], _failed_event(message)))
    return Notice(event=parse_event(NOTIFIED_EVENTS, delivered))


def _invoice_of(order: OrderConfirmed, response: object) -> IssuedInvoice:
    """Return the order's invoice. No other order's is mailed to its customer."""
    invoice = decode(IssuedInvoice, response)
    if invoice != invoice_for(order):
        problem = f"it is not the invoice of order {order.order_id}"
        raise ContractError(IssuedInvoice.__name__, [problem])
    return invoice


def _failed_event(record: str) -> Mapping[str, Any]:
    match json.loads(record):
        case {"requestPayload": dict(event)}:
            return event
    raise ContractError("record of a failed invoice", ["it has no requestPayload"])
