"""The number of an invoice and where it is stored."""

from typing import Any

from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.parsing import parse_detail
from lambdas.notifications.invoices import invoice_for
from lambdas.notifications.messages import compose_invoice_email
from tests.contracts.catalog import detail_of


def parse_sample(event: Any) -> Any:
    return parse_detail(event, detail_of(event))


def test_number_key_and_file_name_of_an_invoice_follow_from_the_order():
    order = parse_sample(OrderConfirmed).data

    invoice = invoice_for(order)

    assert invoice.number == f"INV-{order.order_id}"
    assert invoice.key == f"invoices/{order.order_id}.pdf"
    assert compose_invoice_email(invoice, b"%PDF").file_name == f"{invoice.number}.pdf"
