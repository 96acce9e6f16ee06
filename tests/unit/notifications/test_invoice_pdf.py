"""What the PDF of an invoice says."""

import re
import zlib

import pytest

from lambdas.contracts.values import PricedLine
from lambdas.notifications.invoice_pdf import render
from tests.support.invoices import confirmed


def content(pdf: bytes) -> bytes:
    """What draws its pages."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    return b" ".join(zlib.decompress(stream) for stream in streams)


def words(pdf: bytes) -> str:
    """What is written on its pages."""
    texts = re.findall(rb"\(((?:\\.|[^)])*)\) Tj", content(pdf))
    return " ".join(text.decode("latin-1") for text in texts)


def test_invoice_lists_lines_prices_and_total():
    text = words(render(confirmed(), number="INV-1"))

    for said in (
        *("Invoice", "Number: INV-1", "Date: 2026-12-01", "Customer: 17850"),
        *("85123A 6 2.55 15.30", "71053 6 3.39 20.34", "84406B 8 2.75 22.00"),
        "57.64 GBP",
    ):
        assert said in text


def test_invoice_has_the_date_of_its_event():
    pdf = render(confirmed(), number="INV-1")

    assert b"/CreationDate (D:20261201082602Z)" in pdf


def test_invoices_of_different_orders_differ():
    assert render(confirmed(), number="INV-1") != render(confirmed(country="x"), number="INV-1")


def test_largest_order_fits_on_three_pages():
    lines = tuple(PricedLine(sku=f"S{n}", quantity=n + 1, unit_price=10) for n in range(90))

    pdf = render(confirmed(lines=lines), number="INV-1")

    assert "S0 1 0.10 0.10" in words(pdf)
    assert "S89 90 0.10 9.00" in words(pdf)
    assert pdf.count(b"/Type /Page\n") == 3


@pytest.mark.parametrize("hidden", ["\n", "\r", "\x1b[2K", "\x00", "\x9b", "\xad"])
def test_hidden_characters_add_no_line_and_hide_nothing(hidden: str):
    """No order has them, but an event of an older release may."""
    text = words(render(confirmed(country=f"EIRE{hidden}Paid"), number="INV-1"))

    assert "Country: EIRE?" in text
    assert hidden not in text


def test_placeholder_of_the_writer_is_a_text_like_any_other():
    line = PricedLine(sku="{nb}", quantity=1, unit_price=10)

    text = words(render(confirmed(country="{nb}", lines=(line,)), number="INV-1"))

    assert "Country: {nb}" in text
    assert "{nb} 1 0.10 0.10" in text


def test_long_sku_is_not_printed_over_the_numbers():
    short, long = (PricedLine(sku="W" * n, quantity=1, unit_price=10) for n in (9, 64))

    pages = content(render(confirmed(lines=(short, long)), number="INV-1"))

    assert pages.index(b"W" * 9) < pages.index(b"36.60 Tz") < pages.index(b"W" * 64)
    assert pages.count(b"Tz") == 2  # The numbers behind it have their width again.


@pytest.mark.parametrize("country", ["Côte d'Ivoire", "日本", "x (y) \\ z", "a\nb", "w" * 300])
def test_text_in_any_script_is_rendered(country: str):
    assert render(confirmed(country=country), number="INV-1").startswith(b"%PDF")
