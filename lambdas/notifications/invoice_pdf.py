"""Renders the invoice of an order as a PDF, with the same bytes at every attempt."""

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.values import format_amount, format_money

with warnings.catch_warnings():
    # fpdf warns that Pillow is missing. Only images need it, and an invoice has none.
    warnings.simplefilter("ignore")
    from fpdf import FPDF

FONT = "Helvetica"
COLUMNS: Sequence[tuple[str, int, Any]] = (
    ("SKU", 80, "L"),
    ("Quantity", 30, "R"),
    ("Unit price", 40, "R"),
    ("Amount", 40, "R"),
)
"""The columns of the table of lines: title, width in millimetres, alignment."""


def render(event: EventEnvelope[OrderConfirmed], *, number: str) -> bytes:
    """Return the PDF of an invoice. The same arguments give the same bytes.

    The customer appears by id: events carry no names, and a name may change. The font is one that
    every PDF reader has, so none is embedded. It has the letters of Western Europe; others, and
    hidden characters, become question marks.
    """
    order, at = event.data, datetime.fromisoformat(event.metadata.occurred_at).astimezone(UTC)
    currency = order.total.currency
    pdf = FPDF()
    pdf.alias_nb_pages("")  # or {nb} in a text would become the number of pages
    pdf.set_creation_date(at)
    pdf.set_title(f"Invoice {number}")
    pdf.add_page()
    pdf.set_font(FONT, size=20)
    _line(pdf, "Invoice")
    pdf.set_font(FONT, size=10)
    for label, value in (
        ("Number", number),
        ("Date", f"{at:%Y-%m-%d}"),
        ("Order", order.order_id),
        ("Customer", order.customer_id),
        ("Country", order.country),
    ):
        _line(pdf, f"{label}: {value}")
    pdf.ln()
    pdf.set_font(FONT, style="B", size=10)
    _row(pdf, [title for title, _, _ in COLUMNS])
    pdf.set_font(FONT, size=10)
    for line in order.lines:
        amount = line.quantity * line.unit_price
        prices = (format_amount(value, currency) for value in (line.unit_price, amount))
        _row(pdf, [line.sku, f"{line.quantity:,}", *prices])
    pdf.set_font(FONT, style="B", size=10)
    _row(pdf, ["Total", "", "", format_money(order.total)])
    return bytes(pdf.output())


def _line(pdf: FPDF, text: str) -> None:
    pdf.multi_cell(0, text=_printable(text), new_x="LMARGIN", new_y="NEXT")


def _row(pdf: FPDF, cells: Sequence[str]) -> None:
    """Write a row of the table. A text that is wider than its column is condensed."""
    for cell, (_, width, align) in zip(cells, COLUMNS, strict=True):
        text, room = _printable(cell), width - 2 * pdf.c_margin
        pdf.set_stretching(100 * min(1, room / (pdf.get_string_width(text) or room)))
        pdf.cell(width, h=6, text=text, align=align)
        pdf.set_stretching(100)
    pdf.ln()


def _printable(text: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown.encode("latin-1", errors="replace").decode("latin-1")
