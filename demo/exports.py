"""Exports in the columns of the "Online Retail" data set, read as orders.

https://archive.ics.uci.edu/dataset/352/online+retail

One invoice is an order. An invoice C<number> cancels the whole order of invoice <number>. Real
exports have errors. What cannot be used is reported row by row, with line and reason, and the rest
is used. One invoice is held in memory at a time: its rows have to be next to each other, as in any
export that was not sorted by another column.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from demo.export_cells import UnusableError, is_date, number, require
from demo.export_rows import ExportError, Rejection, Row, rows
from lambdas.contracts.values import PricedLine

FEES = frozenset(
    {
        *("ADJUST", "ADJUST2", "AMAZONFEE", "B", "BANK CHARGES", "C2", "C3", "CARRIAGE"),
        *("CRUK", "D", "DOT", "M", "PADS", "POST", "POSTAGE", "S"),
    }
)
"""Stock codes of the data set under which postage, fees, discounts and corrections are booked."""
FEE_PREFIXES = ("GIFT_", "TEST0")
MAX_QUANTITY = 100_000
MAX_PRICE = 1_000_000
MAX_TEXT = 64
MAX_ROWS = 5_000
"""The most rows that one invoice may have before the rest of it is refused: memory is bounded."""
NO_ROW_LEFT = "no usable row left"

_ID = re.compile(r"[A-Za-z0-9._@-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One order of the export. ``line`` is its first line in the file; prices are in pence."""

    line: int
    number: str
    customer: str
    country: str
    lines: tuple[PricedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """A request to cancel the order of ``invoice``; its own ``number`` begins with a C."""

    line: int
    number: str
    invoice: str
    customer: str


@dataclass(slots=True, kw_only=True)
class _Draft:
    """An invoice whose rows have not all been read yet."""

    line: int
    number: str
    rows: int = 0
    customer: str = ""
    country: str = ""
    lines: dict[str, PricedLine] = field(default_factory=dict)


def read(path: Path) -> Iterator[Invoice | Cancellation | Rejection]:
    """Yield an export's invoices and cancellations, and rejections, in the order of the file.

    Raises:
        ExportError: the file is not an export.
    """
    with _open(path) as file:
        yield from invoices(file)


def check(path: Path) -> None:
    """Check that an export has an order, by reading up to the first one.

    Raises:
        ExportError: The file is not an export, or none of its rows can be used.
    """
    reasons: Counter[str] = Counter()
    first: Rejection | None = None
    only_cancels = False
    for found in read(path):
        if isinstance(found, Invoice):
            return
        if isinstance(found, Cancellation):
            only_cancels = True
        else:
            first = first or found
            reasons[found.reason] += found.reason != NO_ROW_LEFT
    if first:
        (reason, times), *_ = reasons.most_common(1)
        example = f"{first.reason}: {first.detail!r}" if first.detail else first.reason
        raise ExportError(
            f"{path} has no order to place: its rows were refused, {times:,} times for"
            f" '{reason}', the first on line {first.line:,} ({example})."
        )
    if only_cancels:
        raise ExportError(f"{path} has no order to place, only cancellations.")
    raise ExportError(f"{path} has no rows: it must have one line for each item sold.")


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """Open a file. Errors are raised with the file's name."""
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise ExportError(f"{path} {what}: ORDERS must name a CSV file.")
    try:
        with path.open("rb") as file:
            yield file
    except ExportError as error:
        raise ExportError(f"{path} {error}.") from None
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}.") from None


def invoices(file: BinaryIO) -> Iterator[Invoice | Cancellation | Rejection]:
    """Yield the invoices of an open export; see `read`."""
    draft: _Draft | None = None
    for row in rows(file):
        if isinstance(row, Rejection):
            yield row
            continue
        if draft is None or row.invoice != draft.number:
            if draft:
                yield _finished(draft)
            draft = _Draft(line=row.line, number=row.invoice)
        draft.rows += 1
        try:
            if _cancels(draft.number):
                _add_customer(draft, row)
            else:
                _add(draft, row)
        except UnusableError as bad:
            yield Rejection(
                line=row.line, invoice=row.invoice, reason=bad.reason, detail=bad.detail
            )
    if draft:
        yield _finished(draft)


def _cancels(number: str) -> bool:
    return number[:1] in ("C", "c")


def _finished(draft: _Draft) -> Invoice | Cancellation | Rejection:
    if not draft.customer:
        return Rejection(line=draft.line, invoice=draft.number, reason=NO_ROW_LEFT)
    if _cancels(draft.number):
        return Cancellation(
            line=draft.line,
            number=draft.number,
            invoice=draft.number[1:],
            customer=draft.customer,
        )
    return Invoice(
        line=draft.line,
        number=draft.number,
        customer=draft.customer,
        country=draft.country,
        lines=tuple(draft.lines.values()),
    )


def _add(draft: _Draft, row: Row) -> None:
    """Add a row to its invoice. Rows of one SKU at one price are summed."""
    require(draft.rows <= MAX_ROWS, f"more than {MAX_ROWS} rows in one invoice")
    _identifier(row.invoice, "invoice number")
    line = _line(row)
    customer = _customer(draft, row)
    require(row.country != "", "no country")
    require(len(row.country) <= MAX_TEXT, "country is too long", row.country[:MAX_TEXT])
    require(is_date(row.date), "not a date", row.date)
    if draft.lines:
        require(row.country == draft.country, "another country than its invoice's", row.country)
    before = draft.lines.get(line.sku, replace(line, quantity=0))
    require(
        before.unit_price == line.unit_price,
        "another price than the SKU has in the same invoice",
        f"{line.sku} at {row.price}",
    )
    draft.customer, draft.country = customer, row.country
    draft.lines[line.sku] = replace(line, quantity=before.quantity + line.quantity)


def _add_customer(draft: _Draft, row: Row) -> None:
    """Add a row to its cancellation. Only the customer counts: it cancels the whole order."""
    _identifier(row.invoice[1:], "invoice number")
    draft.customer = _customer(draft, row)


def _customer(draft: _Draft, row: Row) -> str:
    customer = _identifier(row.customer.removesuffix(".0"), "customer")
    known = draft.customer or customer
    require(customer == known, "another customer than its invoice's", customer)
    return customer


def _line(row: Row) -> PricedLine:
    sku = row.sku.upper()
    require(sku != "", "no stock code")
    require(len(sku) <= MAX_TEXT, "stock code is too long", sku[:MAX_TEXT])
    require(sku not in FEES and not sku.startswith(FEE_PREFIXES), "not a product", sku)
    quantity = number(row.quantity, "quantity")
    require(quantity > 0, "quantity is not positive", row.quantity)
    require(quantity <= MAX_QUANTITY, f"quantity is above {MAX_QUANTITY:,}", row.quantity)
    require(quantity == int(quantity), "quantity is not a whole number", row.quantity)
    return PricedLine(sku=sku, quantity=int(quantity), unit_price=pence(row.price))


def pence(text: str) -> int:
    """Return a price such as ``2.55``, ``£1,234.50`` or ``1.234,50 €`` in minor units."""
    price = number(text.strip("£$€ \u00a0"), "price")
    require(price > 0, "price is not positive", text)
    require(price <= MAX_PRICE, f"price is above {MAX_PRICE:,}", text)
    amount = price * 100
    require(amount == int(amount), "price has a fraction of a penny", text)
    return int(amount)


def _identifier(text: str, name: str) -> str:
    require(text != "", f"no {name}")
    good = len(text) <= MAX_TEXT and _ID.fullmatch(text)
    require(bool(good), f"{name} is not an identifier", text[:MAX_TEXT])
    return text
