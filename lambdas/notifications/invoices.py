"""Invoices: their numbers and their keys in the bucket. ``invoice_pdf`` renders them."""

from dataclasses import dataclass
from typing import Annotated

from lambdas.contracts.bounds import TextBounds
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.values import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedInvoice:
    """The invoice of an order; an order has exactly one."""

    order_id: Identifier
    customer_id: Identifier
    number: str
    key: Annotated[str, TextBounds(minimum=1)]
    """The key of the PDF in the bucket of invoices."""


def invoice_for(order: OrderConfirmed) -> IssuedInvoice:
    """Return the invoice of an order.

    The number is made from the order's id, so it is the same at every attempt. Numbers without
    gaps, which some countries require, would need a counter that all orders wait for.
    """
    return IssuedInvoice(
        order_id=order.order_id,
        customer_id=order.customer_id,
        number=f"INV-{order.order_id}",
        key=f"invoices/{order.order_id}.pdf",
    )
