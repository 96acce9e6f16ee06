"""Rows of an export become orders and cancellations, or are refused one by one."""

from io import BytesIO
from pathlib import Path

import pytest

from demo import exports
from demo.export_rows import Rejection
from demo.exports import Cancellation, Invoice, invoices, read
from tests.support.export_parsing import GOOD, HEADER, line, only_order, parsed, refusals, row


def test_invoice_is_an_order():
    found = parsed(GOOD, row(StockCode="71053", Quantity="2", UnitPrice="3.39"))
    assert found == [
        Invoice(
            line=2,
            number="536365",
            customer="17850",
            country="United Kingdom",
            lines=(line("85123A", 6, 255), line("71053", 2, 339)),
        )
    ]


def test_next_invoice_number_begins_the_next_order():
    found = parsed(GOOD, row(InvoiceNo="536366"), row(InvoiceNo="536366", StockCode="71053"))
    assert [
        (one.line, one.number, len(one.lines)) for one in found if isinstance(one, Invoice)
    ] == [
        (2, "536365", 1),
        (3, "536366", 2),
    ]


def test_orders_are_yielded_while_the_file_is_read():
    class Endless(BytesIO):
        def __init__(self):
            super().__init__()
            self.rows = iter([HEADER, GOOD, row(InvoiceNo="536366")])

        def readline(self, size: int | None = -1) -> bytes:
            return next(self.rows).encode() + b"\n"

    assert only_order([next(invoices(Endless()))]).number == "536365"


def test_rows_of_one_sku_at_one_price_are_summed():
    assert only_order(parsed(GOOD, GOOD, row(StockCode="85123a"))).lines == (
        line("85123A", 18, 255),
    )


def test_row_at_another_price_is_refused_and_the_rest_is_read():
    found = parsed(GOOD, row(UnitPrice="2.60"), row(StockCode="71053"))
    assert only_order(found).lines == (line("85123A", 6, 255), line("71053", 6, 255))
    assert found[0] == Rejection(
        line=3,
        invoice="536365",
        reason="another price than the SKU has in the same invoice",
        detail="85123A at 2.60",
    )


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("CustomerID", "", "no customer"),
        ("CustomerID", "a\u00e9b", "customer is not an identifier"),
        ("CustomerID", "7" * 65, "customer is not an identifier"),
        ("Country", " ", "no country"),
        ("Country", "x" * 65, "country is too long"),
        ("StockCode", "", "no stock code"),
        ("StockCode", "9" * 65, "stock code is too long"),
        *(("StockCode", fee, "not a product") for fee in sorted(exports.FEES)),
        ("StockCode", "post", "not a product"),
        ("StockCode", "gift_0001_20", "not a product"),
        ("Quantity", "0", "quantity is not positive"),
        ("Quantity", "-6", "quantity is not positive"),
        ("Quantity", "100001", "quantity is above 100,000"),
        ("Quantity", "six", "quantity is not a number"),
        ("Quantity", "1.5", "quantity is not a whole number"),
        ("Quantity", '"1,000"', "quantity can be read in two ways"),
        ("Quantity", "12.000", "quantity can be read in two ways"),
        ("Quantity", '"1,000,00"', "quantity is not a number"),
        ("Quantity", "9" * 5_000, "quantity is above 100,000"),
        ("Quantity", "1e3", "quantity is not a number"),
        ("Quantity", "\u0666", "quantity is not a number"),
        ("Quantity", "", "quantity is not a number"),
        ("UnitPrice", "0.00", "price is not positive"),
        ("UnitPrice", "-2.55", "price is not positive"),
        ("UnitPrice", "nan", "price is not a number"),
        ("UnitPrice", "1e400", "price is not a number"),
        ("UnitPrice", "", "price is not a number"),
        ("UnitPrice", "0.001", "price has a fraction of a penny"),
        ("UnitPrice", '"1,250"', "price can be read in two ways"),
        ("UnitPrice", "1.250", "price can be read in two ways"),
        ("UnitPrice", "1000000.01", "price is above 1,000,000"),
        ("InvoiceDate", "", "not a date"),
        ("InvoiceDate", "31/31/2010 8:26", "not a date"),
        ("InvoiceDate", "soon", "not a date"),
        ("InvoiceDate", "12/1/2010 24:26", "not a date"),
        ("InvoiceDate", "12/1/2010 13:26 PM", "not a date"),
        ("InvoiceDate", "40513 8:26", "not a date"),
        ("InvoiceDate", "7", "not a date"),
        ("InvoiceNo", "", "no invoice number"),
        ("InvoiceNo", "53 6365", "invoice number is not an identifier"),
    ],
)
def test_bad_row_is_refused_with_its_line_and_reason(column: str, value: str, reason: str):
    bad = row(**{column: value})
    assert refusals(row(InvoiceNo="1"), bad, row(InvoiceNo="2"))[0] == (3, reason)


def test_invoice_without_a_usable_row_is_refused():
    assert refusals(row(Quantity="0"), row(Quantity="-1")) == [
        (2, "quantity is not positive"),
        (3, "quantity is not positive"),
        (2, "no usable row left"),
    ]


def test_invoice_of_two_customers_or_countries_keeps_the_first():
    found = parsed(GOOD, row(CustomerID="1"), row(Country="France"), row(StockCode="71053"))
    assert only_order(found).customer == "17850"
    assert len(only_order(found).lines) == 2
    assert [one.reason for one in found if isinstance(one, Rejection)] == [
        "another customer than its invoice's",
        "another country than its invoice's",
    ]


@pytest.mark.parametrize("mark", ["C", "c"])
def test_invoice_number_with_a_c_cancels_the_order_of_that_number(mark: str):
    rows = [
        row(InvoiceNo=f"{mark}536365", Quantity="-1", UnitPrice="", StockCode="POST"),
        row(InvoiceNo=f"{mark}536365", Quantity="six", InvoiceDate="soon", Country=""),
    ]
    _, cancellation = parsed(GOOD, *rows)
    assert cancellation == Cancellation(
        line=3, number=f"{mark}536365", invoice="536365", customer="17850"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"InvoiceNo": "C536365", "CustomerID": ""}, "no customer"),
        ({"InvoiceNo": "C"}, "no invoice number"),
        ({"InvoiceNo": "C53 6365"}, "invoice number is not an identifier"),
    ],
)
def test_cancellation_without_customer_or_order_is_refused(changes: dict[str, str], reason: str):
    assert refusals(GOOD, row(**changes)) == [(3, reason), (3, exports.NO_ROW_LEFT)]


def test_cancellation_of_two_customers_keeps_the_first():
    rows = [row(InvoiceNo="C536365"), row(InvoiceNo="C536365", CustomerID="1")]
    found = parsed(*rows)
    assert isinstance(found[1], Cancellation)
    assert refusals(*rows) == [(3, "another customer than its invoice's")]


def test_short_row_is_refused_and_blank_rows_are_ignored():
    assert refusals(GOOD, "536365,71053,Lantern", "", ",,,,,,,", row(StockCode="71053")) == [
        (3, "too few columns")
    ]


def test_rows_of_an_invoice_are_limited(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exports, "MAX_ROWS", 2)
    found = parsed(GOOD, GOOD, GOOD)
    assert only_order(found).lines == (line("85123A", 12, 255),)
    assert [one.reason for one in found if isinstance(one, Rejection)] == [
        "more than 2 rows in one invoice"
    ]


def test_sample_has_every_kind_of_row():
    found = list(read(Path(exports.__file__).with_name("sample.csv")))
    orders = [one for one in found if isinstance(one, Invoice)]
    reasons = {one.reason for one in found if isinstance(one, Rejection)}
    cancelled = [one for one in found if isinstance(one, Cancellation)]
    totals = [sum(each.quantity * each.unit_price for each in order.lines) for order in orders]
    assert 90 <= len(orders) <= 110
    assert any(len(order.lines) > 90 for order in orders)
    assert any(total > 1_000_00 for total in totals)
    assert any(order.country == "Unspecified" for order in orders)
    assert len(cancelled) >= 10
    assert reasons >= {
        exports.NO_ROW_LEFT,
        "no customer",
        "no country",
        "not a date",
        "not a product",
        "too few columns",
        "price is not positive",
        "quantity is not positive",
        "quantity is above 100,000",
    }
