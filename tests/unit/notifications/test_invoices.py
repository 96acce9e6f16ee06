"""The number of an invoice and where it is stored."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.parsing import parse_detail
from lambdas.notifications.invoices import invoice_for
from lambdas.notifications.messages import compose_invoice_email
from lambdas.notifications.store import Invoices
from tests.contracts.catalog import detail_of
from tests.support.doubles import ClientDouble


def parse_sample(event: Any) -> Any:
    return parse_detail(event, detail_of(event))


def test_number_key_and_file_name_of_an_invoice_follow_from_the_order():
    order = parse_sample(OrderConfirmed).data

    invoice = invoice_for(order)

    assert invoice.number == f"INV-{order.order_id}"
    assert invoice.key == f"invoices/{order.order_id}.pdf"
    assert compose_invoice_email(invoice, b"%PDF").file_name == f"{invoice.number}.pdf"


def test_invoice_that_could_not_be_stored_does_not_count_as_stored():
    class Denied(ClientDouble):
        def put_object(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")

    with pytest.raises(ClientError):
        Invoices("invoices", s3=Denied()).put_if_absent("k", b"%PDF")
