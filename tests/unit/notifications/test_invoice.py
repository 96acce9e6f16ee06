"""An invoice says what the event says, and is the same to the byte whenever it is written."""

import re
import subprocess
import sys
import zlib

import pytest

from lambdas.contracts.values import PricedLine
from lambdas.notifications.invoice import render
from tests.support.modules import ROOT
from tests.unit.notifications.invoices import confirmed

SCRIPT = """
import sys
from tests.unit.notifications.invoices import confirmed
from lambdas.notifications.invoice import render
sys.stdout.buffer.write(render(confirmed(), number="INV-1"))
"""


def words(pdf: bytes) -> str:
    """What is written on its pages."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    pages = b" ".join(zlib.decompress(stream) for stream in streams)
    return " ".join(
        text.decode("latin-1") for text in re.findall(rb"\(((?:\\.|[^)])*)\) Tj", pages)
    )


def test_it_says_what_was_ordered_at_which_price():
    text = words(render(confirmed(), number="INV-1"))

    for said in (
        *("Invoice", "Number: INV-1", "Date: 2026-12-01", "Customer: 17850"),
        *("85123A 6 2.55 15.30", "71053 6 3.39 20.34", "84406B 8 2.75 22.00"),
        "57.64 GBP",
    ):
        assert said in text


def test_it_is_dated_by_the_event():
    pdf = render(confirmed(), number="INV-1")

    assert b"/CreationDate (D:20261201082602Z)" in pdf


def test_another_process_another_day_and_another_zone_write_the_same_bytes():
    made = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={"TZ": zone, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for zone, seed in (("Asia/Tokyo", "1"), ("America/Lima", "2"))
    ]

    assert made[0] == made[1] == render(confirmed(), number="INV-1")


def test_another_order_is_another_invoice():
    assert render(confirmed(), number="INV-1") != render(confirmed(country="x"), number="INV-1")


def test_the_largest_order_fits_on_its_pages():
    lines = tuple(PricedLine(sku=f"S{n}", quantity=n + 1, unit_price=10) for n in range(90))

    pdf = render(confirmed(lines=lines), number="INV-1")

    assert "S0 1 0.10 0.10" in words(pdf)
    assert "S89 90 0.10 9.00" in words(pdf)
    assert pdf.count(b"/Type /Page\n") == 3


@pytest.mark.parametrize("country", ["Côte d'Ivoire", "日本", "x (y) \\ z", "a\nb", "w" * 300])
def test_any_text_can_be_written(country: str):
    assert render(confirmed(country=country), number="INV-1").startswith(b"%PDF")
