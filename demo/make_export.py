"""Makes exports as dirty as real ones.

    python -m demo.make_export --seed 7 --orders 2000 --variant limits > file.csv

The same seed, number of orders and variant give the same bytes, on every machine. The variants:

- ``retail``: as the data set itself comes, with a byte-order mark and dates in several formats;
- ``continental``: latin-1, semicolons, decimal commas, Windows line ends, upper-case names;
- ``limits``: tabs, lower-case names, and values above every limit that there is.

All three have what real exports have: missing customers, fees sold as products, cells that are no
number, invoices of hundreds of lines, quotes and line breaks in descriptions, empty lines, and
cancellations of orders that came just before, long before, later, from another customer, or never.
"""

import argparse
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from demo.export_rows import MAX_LINE
from demo.exports import FEES, MAX_QUANTITY, MAX_TEXT

SKUS, CUSTOMERS = 1_200, 300
BACK = 200
"""How many orders back a cancellation may reach."""
FLAWED = 0.06
"""The share of rows that have a flaw."""
CANCELLED = 0.12

THINGS = ("Lantern", "Bird feeder", "Bunting", "Café sign", "Mug", "Doorstop", "Crème jug")
COUNTRIES = ("United Kingdom",) * 12 + ("EIRE", "France", "Germany", "Curaçao", "Unspecified")

Row = dict[str, str]
Flaw = Callable[[Random], Mapping[str, str]]

HEADER = (
    *("InvoiceNo", "StockCode", "Description", "Quantity"),
    *("InvoiceDate", "UnitPrice", "CustomerID", "Country"),
)

FLAWS: tuple[Flaw, ...] = (
    lambda draw: {"CustomerID": ""},
    lambda draw: {"Quantity": str(-draw.randint(1, 50))},
    lambda draw: {"Quantity": draw.choice(("", "six", "1.5", "0", "80995", "1000000"))},
    lambda draw: {"UnitPrice": draw.choice(("0.00", "0", "-11062.06", "", "free", "0.001"))},
    lambda draw: {"StockCode": draw.choice((*sorted(FEES), "gift_0001_20", ""))},
    lambda draw: {"InvoiceDate": draw.choice(("", "31/31/2010 8:26", "soon"))},
    lambda draw: {"Country": ""},
    lambda draw: {"Description": draw.choice(("Set of\nthree", '12" ruler', 'a "b"\n, c', ""))},
)
EXCESSES: tuple[Flaw, ...] = (
    lambda draw: {"Quantity": str(draw.choice((MAX_QUANTITY + 1, 80_995_000, 10**40)))},
    lambda draw: {"Quantity": str(MAX_QUANTITY)},
    lambda draw: {"UnitPrice": draw.choice(("1000000.01", "38970000", "9" * 50))},
    lambda draw: {"UnitPrice": "1000000.00"},
    lambda draw: {"StockCode": "9" * (MAX_TEXT + 1)},
    lambda draw: {"CustomerID": "7" * (MAX_TEXT + 1)},
    lambda draw: {"Country": "x" * (MAX_TEXT + 1)},
    lambda draw: {"Description": "y" * (MAX_LINE // 2)},
    lambda draw: {"Description": "z" * draw.choice((MAX_LINE, 10 * MAX_LINE))},
    lambda draw: {"Description": "\0" + "w" * 20},
    lambda draw: {"Description": "one\ntwo\nthree\nfour\nfive\nsix"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    """The format of a shop's export. ``rename`` converts the names of the columns.

    ``first`` is the number of its first invoice: it differs between shops, so that a customer's
    orders differ. ``large`` is the share of invoices that have hundreds of lines.
    """

    first: int
    delimiter: str
    encoding: str
    newline: str
    dates: tuple[str, ...]
    rename: Callable[[str], str] = str
    decimal: str = "."
    flaws: tuple[Flaw, ...] = FLAWS
    large: float = 0.01


VARIANTS: Mapping[str, _Variant] = {
    "retail": _Variant(
        first=536_365,
        delimiter=",",
        encoding="utf-8-sig",
        newline="\n",
        dates=("{m}/{d}/2010 8:{n:02}", "{d:02}/{m:02}/2010 08:{n:02}", "2010-{m:02}-{d:02}"),
    ),
    "continental": _Variant(
        first=600_001,
        delimiter=";",
        encoding="latin-1",
        newline="\r\n",
        dates=("{d:02}.{m:02}.2010 08:{n:02}", "{d:02}-{m:02}-2010", "{d:02}.{m:02}.2010"),
        rename=str.upper,
        decimal=",",
    ),
    "limits": _Variant(
        first=700_001,
        delimiter="\t",
        encoding="utf-8",
        newline="\n",
        dates=("2010-{m:02}-{d:02} 08:{n:02}:00", "2010-{m:02}-{d:02}T08:{n:02}:00"),
        rename=str.lower,
        flaws=FLAWS + EXCESSES,
        large=0.02,
    ),
}


def export(
    *, seed: int, orders: int, variant: str, cancelled: float = CANCELLED
) -> Iterator[bytes]:
    """Yield an export's lines, each made when it is needed, so an export may be of any size.

    ``cancelled`` is the share of orders that are followed by a cancellation.
    """
    style = VARIANTS[variant]
    draw = Random(f"{seed}/{variant}")  # noqa: S311 - it shall be the same each time
    yield _line(style, [style.rename(name) for name in HEADER]).encode(style.encoding)
    encoding = style.encoding.removesuffix("-sig")
    for row in _rows(style, draw, orders, cancelled):
        yield _line(style, [row[name] for name in HEADER]).encode(encoding)
        if draw.random() < 0.005:
            yield draw.choice(("", style.delimiter * 7)).encode() + style.newline.encode()


def _rows(style: _Variant, draw: Random, orders: int, cancelled: float) -> Iterator[Row]:
    made: deque[Row] = deque(maxlen=BACK)
    for number in range(style.first, style.first + orders):
        first = _first_row(style, draw, number)
        yield from _invoice(style, draw, first)
        made.append(first)
        if draw.random() < cancelled:
            yield from _cancellation(draw, made)


def _first_row(style: _Variant, draw: Random, number: int) -> Row:
    date = draw.choice(style.dates)
    return {
        "InvoiceNo": str(number),
        **_item(style, draw, draw.randrange(SKUS)),
        "InvoiceDate": date.format(m=draw.randint(1, 12), d=draw.randint(1, 28), n=number % 60),
        "CustomerID": str(12_000 + draw.randrange(CUSTOMERS)),
        "Country": draw.choice(COUNTRIES),
    }


def _item(style: _Variant, draw: Random, which: int) -> Row:
    """Return a row with one of the shop's products. A product always has the same price."""
    pounds, pence = divmod(25 + which * 37 % 995, 100)
    return {
        "StockCode": f"{20_000 + which}{draw.choice(('', '', 'A'))}",
        "Description": draw.choice(THINGS) + draw.choice(("", ", red", ' "heart"')),
        "Quantity": str(draw.choice((1, 1, 2, 2, 3, 4, 6, 12, 24))),
        "UnitPrice": f"{pounds}{style.decimal}{pence:02}",
    }


def _invoice(style: _Variant, draw: Random, first: Row) -> Iterator[Row]:
    # A large invoice repeats at most 80 SKUs, or has hundreds of SKUs, which is too many.
    large = draw.random() < style.large
    rows = draw.randint(91, 400) if large else draw.choice((1, 1, 2, 2, 3, 4, 5, 8))
    products = draw.choice((40, SKUS)) if large else SKUS
    offset = draw.randrange(SKUS)
    before: Row | None = None
    hopeless = draw.random() < 0.02
    for _ in range(rows):
        row = first | _item(style, draw, (offset + draw.randrange(products)) % SKUS)
        if before and draw.random() < 0.04:
            row |= {"StockCode": before["StockCode"], "UnitPrice": before["UnitPrice"]}
        elif before and draw.random() < 0.02:
            row |= {"StockCode": before["StockCode"]}
        if hopeless or draw.random() < FLAWED:
            row |= draw.choice(style.flaws[:1] if hopeless else style.flaws)(draw)
        yield row
        before = row


def _cancellation(draw: Random, made: deque[Row]) -> Iterator[Row]:
    """Yield a cancellation's row: at once, soon, late, too early, by a stranger, or of no order."""
    how = draw.choice((0, 0, 1, 2, 3, 5, 40, 120, "early", "stranger", "unknown"))
    target = made[-1 - min(how, len(made) - 1)] if isinstance(how, int) else made[-1]
    number, customer = target["InvoiceNo"], target["CustomerID"]
    match how:
        case "early":
            number = str(int(number) + 3)
        case "stranger":
            customer = f"{int(customer) + 1}"
        case "unknown":
            number = f"9{number}"
    row = target | {"InvoiceNo": f"C{number}", "CustomerID": customer, "UnitPrice": "1"}
    for _ in range(draw.choice((1, 1, 2))):
        yield row | {"Quantity": str(-draw.randint(1, 12))}


def _line(style: _Variant, cells: list[str]) -> str:
    special = (style.delimiter, '"', "\n")
    quoted = (
        '"' + cell.replace('"', '""') + '"' if any(one in cell for one in special) else cell
        for cell in cells
    )
    return style.delimiter.join(quoted) + style.newline


def main() -> int:
    """Write an export to the standard output; return 2 if that is not possible."""
    # A reader that has enough, such as `head`, ends this program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parser = argparse.ArgumentParser(prog="python -m demo.make_export", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--orders", type=int, default=2_000)
    parser.add_argument("--variant", choices=VARIANTS, default="retail")
    asked = vars(parser.parse_args())
    sys.stderr.write(", ".join(f"{name} {value}" for name, value in asked.items()) + "\n")
    try:
        sys.stdout.buffer.writelines(export(**asked))
        sys.stdout.buffer.flush()
    except OSError as error:
        # What cannot be written to a full disk is not flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
