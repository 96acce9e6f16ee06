"""Invoices: their numbers and their keys in the bucket. ``invoice_pdf`` renders them."""

from dataclasses import dataclass

from lambdas.contracts.orders import OrderConfirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedInvoice:
    """The invoice of an order; an order has exactly one."""

    order_id: str
    customer_id: str
    number: str
    key: str
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
