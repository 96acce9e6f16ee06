"""Encodings, line ends, quotes and giant lines: a broken line loses itself only."""

from io import BytesIO

import pytest

from demo import export_rows
from demo.export_rows import Rejection
from demo.exports import Invoice, invoices
from tests.support.export_parsing import GOOD, HEADER, line, only_order, parsed, refusals, row


def test_latin_1_line_in_a_utf_8_file_is_read():
    text = "\n".join([HEADER, row(Description="Caf\u00e9"), row(Country="C\u00f4te d'Ivoire")])
    found = list(invoices(BytesIO(text.encode("latin-1"))))
    assert len(only_order(found).lines) == 1
    assert [one.detail for one in found if isinstance(one, Rejection)] == ["C\u00f4te d'Ivoire"]


def test_windows_1252_has_euros_and_curly_apostrophes():
    text = "\n".join([HEADER, row(UnitPrice="€2.55", Country="Land’s End"), ""])
    order = only_order(list(invoices(BytesIO(text.encode("cp1252")))))
    assert (order.country, order.lines) == ("Land’s End", (line("85123A", 6, 255),))


def test_byte_unknown_to_windows_1252_is_read_as_latin_1():
    raw = f"{HEADER}\n{row(Description='?')}\n".encode().replace(b"?", b"\x81\xe9")
    assert only_order(list(invoices(BytesIO(raw)))).country == "United Kingdom"


def test_lone_carriage_return_ends_a_line():
    text = f"{HEADER}\n{GOOD}\r{row(InvoiceNo='536366')}\n{row(Quantity='0')}\r\n"
    found = list(invoices(BytesIO(text.encode())))
    orders = [one for one in found if isinstance(one, Invoice)]
    assert [(one.number, one.country) for one in orders] == [
        ("536365", "United Kingdom"),
        ("536366", "United Kingdom"),
    ]
    assert [one.line for one in found if isinstance(one, Rejection)] == [4, 4]


def test_quoted_carriage_return_is_part_of_its_cell():
    order = only_order(parsed(GOOD, row(StockCode="71053", Description='"Lantern\rin red"')))
    assert len(order.lines) == 2


@pytest.mark.parametrize("rows", [3, 3_000])
def test_file_with_carriage_returns_only_is_read(rows: int):
    numbered = [row(InvoiceNo=str(number)) for number in range(rows)]
    found = list(invoices(BytesIO("\r".join([HEADER, *numbered, ""]).encode())))
    assert [one.line for one in found] == list(range(2, rows + 2))
    assert all(isinstance(one, Invoice) for one in found)


def test_line_end_split_by_a_chunk_counts_once():
    short = f"{GOOD}\r"
    long = row(Description="x" * (export_rows.MAX_LINE - len(short) - len(row(Description="")) - 1))
    text = f"{HEADER}\n{short}{long}\r\n{row(Quantity='0')}\r\n"
    found = list(invoices(BytesIO(text.encode())))
    assert only_order(found).lines == (line("85123A", 12, 255),)
    assert [one.line for one in found if isinstance(one, Rejection)] == [4]


def test_windows_line_ends_and_quoted_cells_are_read():
    quoted = row(Description='"Set of ""two"", blue"')
    order = only_order(list(invoices(BytesIO(f"{HEADER}\r\n{quoted}\r\n".encode()))))
    assert order.country == "United Kingdom"


def test_quoted_cell_spans_lines_and_line_numbers_stay_right():
    spanning = row(Description='"Lantern\nin red"', StockCode="71053")
    found = parsed(GOOD, spanning, row(Quantity="0"))
    assert len(only_order(found).lines) == 2
    assert [one.line for one in found if isinstance(one, Rejection)] == [5]


def test_unclosed_quote_loses_its_own_row_only():
    others = [row(StockCode=str(number)) for number in range(10, 30)]
    found = parsed(GOOD, row(Description='"12 inch'), *others)
    assert len(only_order(found).lines) == 21
    assert [(one.line, one.reason) for one in found if isinstance(one, Rejection)] == [
        (3, "too few columns")
    ]


def test_unclosed_quote_is_not_searched_in_the_whole_file():
    others = [row(StockCode=str(number)) for number in range(10, 1_000)]
    file = BytesIO("\n".join([HEADER, row(Description='"12 inch'), *others]).encode())
    assert isinstance(next(invoices(file)), Rejection)
    assert len(file.read().splitlines()) > 980


def test_unclosed_quote_at_the_end_of_the_file_is_refused():
    found = parsed(GOOD, row(Description='"12 inch'), row(StockCode="71053"))
    assert len(only_order(found).lines) == 2


@pytest.mark.parametrize("length", [export_rows.MAX_LINE, 10 * export_rows.MAX_LINE + 7])
def test_giant_line_loses_itself_only(length: int):
    giant = row(Description="x" * length)
    assert refusals(GOOD, giant, row(Quantity="0")) == [
        (3, export_rows.TOO_LONG),
        (4, "quantity is not positive"),
    ]
    assert refusals(GOOD, giant) == [(3, export_rows.TOO_LONG)]


def test_giant_field_is_not_read_into_memory():
    class Watched(BytesIO):
        longest = 0

        def readline(self, size: int | None = -1) -> bytes:
            read = super().readline(size)
            self.longest = max(self.longest, len(read))
            return read

    file = Watched(f"{HEADER}\n{row(Description='x' * 1_000_000)}\n{GOOD}\n".encode())
    assert [type(one) for one in invoices(file)] == [Rejection, Invoice]
    assert file.longest == export_rows.MAX_LINE


def test_zero_byte_loses_its_own_line_only():
    assert refusals(GOOD, row(Description="\0"), row(Quantity="0")) == [
        (3, export_rows.ZERO_BYTE),
        (4, "quantity is not positive"),
    ]


def test_giant_line_inside_an_open_quote_is_rejected_and_the_rest_is_read():
    rows = [row(Description='"12 inch'), "x" * export_rows.MAX_LINE, row(StockCode="71053")]
    assert refusals(GOOD, *rows) == [(3, "too few columns"), (4, export_rows.TOO_LONG)]
    assert len(only_order(parsed(GOOD, *rows)).lines) == 2
