"""Exports in the columns of the "Online Retail" data set, read as orders.

https://archive.ics.uci.edu/dataset/352/online+retail

One invoice is an order, and an invoice C<number> cancels the order of invoice <number>, all of it.
Real exports are dirty, so what cannot be used is reported, row by row, with line and reason,
and everything else flows. One invoice is held in memory at a time: its rows have to stand together,
which they do in any export that was not sorted by something else.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO

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
DATES = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%d-%b-%y",
    "%d %b %Y",
)

MAX_QUANTITY = 100_000
MAX_PENCE = 100_000_000
MAX_TEXT = 64
MAX_ROWS = 5_000
"""The most rows that one invoice may have before the rest of it is refused: memory is bounded."""
NO_ROW_LEFT = "no usable row left"

_PLAIN = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
_ENGLISH = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+")
_CONTINENTAL = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+")
_AMBIGUOUS = re.compile(r"[+-]?[0-9]{1,3},[0-9]{3}")
_WHOLE = re.compile(r"[+-]?[0-9]+(?:[.,]0*)?")
_ID = re.compile(r"[A-Za-z0-9._@-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One order of the export; ``line`` is where in the file it begins, prices are pence."""

    line: int
    number: str
    customer: str
    country: str
    lines: tuple[PricedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """A wish to cancel the order of ``invoice``; its own ``number`` begins with a C."""

    line: int
    number: str
    invoice: str
    customer: str


@dataclass(slots=True, kw_only=True)
class _Draft:
    """An invoice whose rows are still being read."""

    line: int
    number: str
    rows: int = 0
    customer: str = ""
    country: str = ""
    lines: dict[str, PricedLine] = field(default_factory=dict)


class _UnusableError(Exception):
    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def read(path: Path) -> Iterator[Invoice | Cancellation | Rejection]:
    """Read an export's invoices, and what of it cannot be used, in the order of the file.

    Raises:
        ExportError: it is not such a file at all.
    """
    with _open(path) as file:
        yield from invoices(file)


def check(path: Path) -> None:
    """Raise ExportError when the file is not an export; only its beginning is looked at."""
    with _open(path) as file:
        for _ in islice(invoices(file), 1):
            return
    raise ExportError(f"{path} has no rows: it must have one line for each item sold.")


def _open(path: Path) -> BinaryIO:
    if not path.exists():
        raise ExportError(f"{path} does not exist: ORDERS must name a CSV file.")
    if not path.is_file():
        raise ExportError(f"{path} is not a file: ORDERS must name a CSV file.")
    try:
        return path.open("rb")
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}.") from None


def invoices(file: BinaryIO) -> Iterator[Invoice | Cancellation | Rejection]:
    """Read the invoices of an open export; see `read`."""
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
        except _UnusableError as bad:
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
    """Add a row to its invoice; rows of one SKU at one price are summed."""
    _require(draft.rows <= MAX_ROWS, f"more than {MAX_ROWS} rows in one invoice")
    _identifier(row.invoice, "invoice number")
    line = _line(row)
    customer = _customer(draft, row)
    _require(row.country != "", "no country")
    _require(len(row.country) <= MAX_TEXT, "country is too long", row.country[:MAX_TEXT])
    _require(_is_date(row.date), "not a date", row.date)
    if draft.lines:
        _require(row.country == draft.country, "another country than its invoice's", row.country)
    before = draft.lines.get(line.sku, replace(line, quantity=0))
    _require(
        before.unit_price == line.unit_price,
        "another price than the SKU has in the same invoice",
        f"{line.sku} at {row.price}",
    )
    draft.customer, draft.country = customer, row.country
    draft.lines[line.sku] = replace(line, quantity=before.quantity + line.quantity)


def _add_customer(draft: _Draft, row: Row) -> None:
    """Add a row to its cancellation, which is of the whole order, whatever its rows hold."""
    _identifier(row.invoice[1:], "invoice number")
    draft.customer = _customer(draft, row)


def _customer(draft: _Draft, row: Row) -> str:
    customer = _identifier(row.customer.removesuffix(".0"), "customer")
    known = draft.customer or customer
    _require(customer == known, "another customer than its invoice's", customer)
    return customer


def _line(row: Row) -> PricedLine:
    sku = row.sku.upper()
    _require(sku != "", "no stock code")
    _require(len(sku) <= MAX_TEXT, "stock code is too long", sku[:MAX_TEXT])
    _require(sku not in FEES and not sku.startswith(FEE_PREFIXES), "not a product", sku)
    _require(_WHOLE.fullmatch(row.quantity) is not None, "quantity is not a number", row.quantity)
    quantity = int(re.split("[.,]", row.quantity)[0])
    _require(quantity > 0, "quantity is not positive", row.quantity)
    _require(quantity <= MAX_QUANTITY, f"quantity is above {MAX_QUANTITY:,}", row.quantity)
    return PricedLine(sku=sku, quantity=quantity, unit_price=pence(row.price))


def pence(text: str) -> int:
    """A price such as ``2.55``, ``2,55``, ``£1,234.50`` or ``1.234,50`` in minor units."""
    price = text.strip("£$€ \u00a0")
    if _AMBIGUOUS.fullmatch(price):
        raise _UnusableError("price can be read in two ways", text)
    if _ENGLISH.fullmatch(price):
        price = price.replace(",", "")
    elif _CONTINENTAL.fullmatch(price):
        price = price.replace(".", "")
    elif not _PLAIN.fullmatch(price):
        raise _UnusableError("price is not a number", text)
    amount = Decimal(price.replace(",", ".")) * 100
    _require(amount > 0, "price is not positive", text)
    _require(amount <= MAX_PENCE, f"price is above {MAX_PENCE // 100:,}", text)
    _require(amount == amount.to_integral_value(), "price has a fraction of a penny", text)
    return int(amount)


def _identifier(text: str, name: str) -> str:
    _require(text != "", f"no {name}")
    good = len(text) <= MAX_TEXT and _ID.fullmatch(text)
    _require(bool(good), f"{name} is not an identifier", text[:MAX_TEXT])
    return text


@lru_cache(maxsize=1024)
def _is_date(text: str) -> bool:
    """Whether it is a date, in whichever format: no order depends on which day it was."""
    with suppress(ValueError):
        datetime.fromisoformat(text)
        return True
    for form in DATES:
        with suppress(ValueError):
            datetime.strptime(text, form)
            return True
    return False


def _require(condition: bool, reason: str, detail: str = "") -> None:
    if not condition:
        raise _UnusableError(reason, detail)
