"""The rows of an export.

The file may contain anything: a row is parsed, or rejected with a reason.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

COLUMNS = {
    "invoice": ("InvoiceNo", "Invoice"),
    "sku": ("StockCode",),
    "quantity": ("Quantity",),
    "date": ("InvoiceDate",),
    "price": ("UnitPrice", "Price"),
    "customer": ("CustomerID",),
    "country": ("Country",),
}
"""The columns that are read, by the names that they have in the two editions of the data set. Case,
spaces and underscores do not matter, nor does the order; other columns are ignored.
"""
DELIMITERS = (",", ";", "\t")

MAX_LINE = 16 * 1024
"""The most bytes that one line of the file may have."""
MAX_RECORD = 4
"""The most lines that one quoted row may span. A quote that is opened and never closed would
otherwise swallow the rest of the file.
"""

TOO_LONG = f"is longer than {MAX_LINE:,} bytes"
ZERO_BYTE = "holds a zero byte"


class ExportError(Exception):
    """The file is not an export; the message is one line that says what to do.

    The parser does not know the file's name. Its messages have no subject, as in "is empty", and
    the code that opens the file puts the name in front.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A row or an invoice that is not used.

    ``reason`` is one of a few phrases, so that rejections can be counted; ``detail`` shows what was
    found.
    """

    line: int
    invoice: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row's cells as they are written, without the spaces around them."""

    line: int
    invoice: str
    sku: str
    quantity: str
    date: str
    price: str
    customer: str
    country: str


def rows(file: BinaryIO) -> Iterator[Row | Rejection]:
    """Yield the rows that are not empty, and rejections.

    Raises:
        ExportError: the first line does not name the columns.
    """
    lines = _Lines(file)
    _, header = next(lines.take(), (1, None))
    if header is None:
        raise ExportError("is empty: its first line must name the columns")
    if isinstance(header, Rejection):
        raise ExportError(
            f"is not a CSV file, for its first line {header.reason}: save it as CSV in UTF-8 first"
        )
    delimiter, places = _header(header)
    width = max(places.values()) + 1
    for number, record in lines.records(delimiter):
        if isinstance(record, Rejection):
            yield record
            continue
        if not any(cell.strip() for cell in record):
            continue
        if len(record) < width:
            detail = f"{len(record)} of {width}"
            yield Rejection(
                line=number, invoice=record[0].strip(), reason="too few columns", detail=detail
            )
            continue
        cells = {name: record[place].strip() for name, place in places.items()}
        yield Row(line=number, **{**cells, "invoice": cells["invoice"].removesuffix(".0")})


def _header(text: str) -> tuple[str, dict[str, int]]:
    """Return the delimiter, and the index of each column, from the first line."""
    found = [
        (delimiter, _places(next(csv.reader([text], delimiter=delimiter), [])))
        for delimiter in DELIMITERS
    ]
    delimiter, places = max(found, key=lambda candidate: len(candidate[1]))
    missing = [names[0] for name, names in COLUMNS.items() if name not in places]
    if missing:
        columns = ("column " if len(missing) == 1 else "columns ") + ", ".join(missing)
        raise ExportError(
            f"lacks the {columns}: its first line must name the columns of the"
            " Online Retail data set, separated by commas, semicolons or tabs"
        )
    return delimiter, places


def _places(header: Sequence[str]) -> dict[str, int]:
    # Only letters are kept, so a byte-order mark is removed too.
    names = [re.sub("[^a-z]", "", cell.lower()) for cell in header]
    return {
        column: names.index(name.lower())
        for column, known in COLUMNS.items()
        for name in known
        if name.lower() in names
    }


class _Lines:
    """The lines of a file. Some can be put back. A line that is no text is a rejection.

    A line ends with a line feed, a carriage return, or both.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._lines = enumerate(_split(file), 1)
        self._returned: deque[tuple[int, str | Rejection]] = deque()

    def take(self) -> Iterator[tuple[int, str | Rejection]]:
        while True:
            if self._returned:
                yield self._returned.popleft()
                continue
            numbered = next(self._lines, None)
            if numbered is None:
                return
            yield numbered[0], _text(*numbered)

    def records(self, delimiter: str) -> Iterator[tuple[int, list[str] | Rejection]]:
        """Yield the rows, each with the number of its first line.

        A quoted cell may span lines, up to `MAX_RECORD` for a row. If its quote is not closed by
        then, only the first line is the row, and the next line starts another row.
        """
        for number, text in self.take():
            if isinstance(text, Rejection):
                yield number, text
                continue
            record = [text]
            while _open_quote(record, delimiter) and len(record) < MAX_RECORD:
                following = next(self.take(), None)
                if following is None:
                    break
                if isinstance(following[1], Rejection):
                    self._returned.appendleft(following)
                    break
                record.append(following[1])
            if _open_quote(record, delimiter):
                self._returned.extendleft(reversed(list(enumerate(record[1:], number + 1))))
                record = record[:1]
            yield number, next(csv.reader(record, delimiter=delimiter), [])


def _split(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file, each cut off at `MAX_LINE` bytes."""
    begun, cut_off = b"", b""
    while chunk := file.readline(MAX_LINE):
        lines = (begun + chunk).splitlines(keepends=True)
        # A carriage return at the end of the chunk may be followed by a line feed.
        begun = b"" if lines[-1].endswith(b"\n") else lines.pop()
        for line in lines:
            yield (cut_off or line)[:MAX_LINE]
            cut_off = b""
        if len(begun) >= MAX_LINE:
            cut_off, begun = cut_off or begun, begun[-1:]
    if begun or cut_off:
        yield (cut_off or begun)[:MAX_LINE]


def _text(number: int, raw: bytes) -> str | Rejection:
    if number == 1 and raw.startswith(b"PK\x03\x04"):
        raise ExportError("is an Excel workbook: save it as CSV first")
    if len(raw) >= MAX_LINE:
        return Rejection(line=number, invoice="", reason=TOO_LONG)
    if b"\0" in raw:
        return Rejection(line=number, invoice="", reason=ZERO_BYTE)
    return _decoded(raw).rstrip("\r\n") + "\n"


def _decoded(raw: bytes) -> str:
    # Windows-1252 leaves five bytes undefined; Latin-1 defines every byte.
    for encoding in ("utf-8", "cp1252"):
        with suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    return raw.decode("latin-1")


def _open_quote(lines: Sequence[str], delimiter: str) -> bool:
    """Return whether a quoted cell is still open at the end of these lines."""
    if not any('"' in line for line in lines):
        return False
    end = "\N{END OF TEXT}"
    *_, last = csv.reader([*lines, end], delimiter=delimiter)
    return last != [end]
