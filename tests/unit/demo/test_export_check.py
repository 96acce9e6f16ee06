"""An export that no demo can use is refused in one line, before anything is started."""

from pathlib import Path

import pytest

from demo import export_rows
from demo.export_rows import ExportError
from demo.exports import check
from tests.support.export_parsing import HEADER, row


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "lacks the columns InvoiceNo, StockCode, Quantity"),
        (b"a,b,c\n1,2,3\n", "lacks the columns InvoiceNo"),
        (HEADER.replace(",Country", "").encode(), "lacks the column Country:"),
        (HEADER.encode(), "has no rows"),
        (b"PK\x03\x04...", "is an Excel workbook"),
        (HEADER.encode("utf-16"), "save it as CSV in UTF-8"),
        (b"x" * export_rows.MAX_LINE, "its first line is longer than"),
    ],
)
def test_invalid_export_is_rejected_in_one_line(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=message) as refused:
        check(path)
    assert str(refused.value).startswith(f"{path} ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [row(InvoiceDate="soon"), row(InvoiceDate="so\x1b[2Jon"), row(Quantity="0")],
            r"no order to place: its rows were refused, 2 times for 'not a date',"
            r" the first on line 2 \(not a date: 'soon'\)",
        ),
        ([row(InvoiceDate="so\x1bon")], r"not a date: 'so\\x1bon'"),
        ([row(InvoiceNo="C536365")], "no order to place, only cancellations"),
    ],
)
def test_export_without_a_usable_order_is_refused_in_one_line(
    tmp_path: Path, rows: list[str], message: str
):
    path = tmp_path / "orders.csv"
    path.write_text("\n".join([HEADER, *rows]))
    with pytest.raises(ExportError, match=message) as refused:
        check(path)
    assert "\n" not in str(refused.value)


def test_export_with_only_its_last_order_usable_is_accepted(tmp_path: Path):
    path = tmp_path / "orders.csv"
    path.write_text("\n".join([HEADER, row(Quantity="0"), row(InvoiceNo="536366")]))
    check(path)


def test_missing_file_or_folder_is_refused_in_one_line(tmp_path: Path):
    with pytest.raises(ExportError, match="does not exist"):
        check(tmp_path / "none.csv")
    with pytest.raises(ExportError, match="is not a file"):
        check(tmp_path)
