"""Prices, dates, quantities and columns in all their spellings."""

import pytest

from demo import exports
from tests.support.export_parsing import line, only_order, parsed, row


@pytest.mark.parametrize(
    ("price", "amount"),
    [
        ("2.55", 255),
        ("2,55", 255),
        ("2", 200),
        ("0.1", 10),
        ("2.5500", 255),
        ("£2.55", 255),
        ("€ 2,55", 255),
        ("1,234.50", 123450),
        ("1.234,50", 123450),
        ("1,000,000.00", 1_000_000_00),
        ("0.29", 29),
        ("1.15", 115),
        ("0.250", 25),
        ("1,000,000", 1_000_000_00),
        ("1 234,50", 123450),
        ("1\u00a0234,50 €", 123450),
        ("1'234.50", 123450),
    ],
)
def test_prices_are_exact_minor_units(price: str, amount: int):
    assert exports.pence(price) == amount


@pytest.mark.parametrize(
    "date",
    [
        "12/1/2010 8:26",
        "13/12/2010 08:26",
        "12/13/2010 08:26:00",
        "2010-12-01 08:26:00",
        "2010-12-01T08:26:00",
        "2010-12-01",
        "01-12-2010 08:26",
        "01.12.2010 08:26",
        "01-Dec-10",
        "12/1/10 8:26",
        "12/1/10",
        "13/12/10",
        "01-12-10 8:26",
        "13-12-10",
        "12/1/2010 8:26:00 AM",
        '"12/1/10, 8:26 pm"',
        "8:26:00 AM",
        "08:26",
        "2010/12/01 08:26",
        "01-Dec-2010 08:26",
        "1 December 2010",
        '"Dec 1, 2010"',
        "40513",
        "40513.3513888889",
        '"40513,35"',
    ],
)
def test_dates_come_in_many_formats(date: str):
    assert only_order(parsed(row(InvoiceDate=date))).number == "536365"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_of_the_data_sets_second_edition_are_read(delimiter: str):
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    cells = ["489434.0", "85048 ", "Balls", "12", "2009-12-01 07:45:00", "6.95", "13085.0", "EIRE"]
    order = only_order(
        parsed(delimiter.join(cells), header=header.replace(",", delimiter), encoding="utf-8-sig")
    )
    assert (order.number, order.customer) == ("489434", "13085")
    assert order.lines == (line("85048", 12, 695),)


def test_columns_are_found_in_any_order_and_case_among_others():
    header = "country,Note,invoice_no,STOCKCODE,quantity,invoice date,unit price,customer_id"
    order = only_order(parsed("EIRE,x,1,A1,2,2010-12-01,1.00,7", header=header))
    assert (order.country, order.lines) == ("EIRE", (line("A1", 2, 100),))


@pytest.mark.parametrize(
    ("quantity", "units"),
    [("6", 6), ("6.0", 6), ('"6,00"', 6), ('"1,000.0"', 1000), ("1 000", 1000)],
)
def test_whole_quantities_are_read(quantity: str, units: int):
    assert only_order(parsed(row(Quantity=quantity))).lines == (line("85123A", units, 255),)
