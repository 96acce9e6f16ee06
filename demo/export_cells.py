"""The parsers of an export's cells: numbers and dates, as databases and spreadsheets write them."""

import re
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

_PLAIN = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
_GROUPED = tuple(
    re.compile(rf"(?P<whole>[+-]?[0-9]{{1,3}}({by}[0-9]{{3}})+)({point}(?P<decimals>[0-9]+))?")
    for by, point in ((",", r"\."), (r"\.", ","), ("[ '\u2019\u00a0\u202f]", "[.,]"))
)
_AMBIGUOUS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
"""A thousand and some, or a number with three decimals."""

_DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d"),
    *(f"{day}{by}%{year}" for by in "/-." for year in "Yy" for day in (f"%d{by}%m", f"%m{by}%d")),
    *(f"%d{by}%b{by}%{year}" for by in "/- " for year in "Yy"),
    *("%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
)
_TIME = re.compile(
    r"(?:^|[ T,]\s*)(?:"
    r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?"
    r"|(?:0?[1-9]|1[0-2]):[0-5][0-9](?::[0-5][0-9])?\s?[AP]\.?M\.?"
    r")$",
    re.IGNORECASE,
)
_SERIAL = re.compile(r"[1-9][0-9]{4}(?:[.,][0-9]+)?")
"""A spreadsheet's number of days since 1900, from 1927 to 2173; the fraction is the time of day."""


class UnusableError(Exception):
    """A cell cannot be used. The error has the reason, and what was found."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def require(condition: bool, reason: str, detail: str = "") -> None:
    """Raise UnusableError unless the condition holds."""
    if not condition:
        raise UnusableError(reason, detail)


def number(text: str, name: str) -> Decimal:
    """Return a number such as ``2.55``, ``2,55``, ``1,234.50``, ``1.234,50`` or ``1 234,50``.

    ``name`` is what messages call the number.

    Raises:
        UnusableError: It is no number; or it is like ``1,234`` or ``1.234``, where the mark may
            separate thousands or decimals.
    """
    require(not _AMBIGUOUS.fullmatch(text), f"{name} can be read in two ways", text)
    if _PLAIN.fullmatch(text):
        return Decimal(text.replace(",", "."))
    for pattern in _GROUPED:
        if grouped := pattern.fullmatch(text):
            whole = re.sub("[^0-9+-]", "", grouped["whole"])
            return Decimal(f"{whole}.{grouped['decimals'] or 0}")
    raise UnusableError(f"{name} is not a number", text)


@lru_cache(maxsize=1024)
def is_date(text: str) -> bool:
    """Return whether the text is a date, a time or both.

    The value is not needed. A spreadsheet whose cells are formatted as times writes only the time.
    """
    with suppress(ValueError):
        datetime.fromisoformat(text)
        return True
    day = _TIME.sub("", text).strip()
    if not day or _SERIAL.fullmatch(text):
        return bool(text)
    for form in _DATES:
        with suppress(ValueError):
            datetime.strptime(day, form)
            return True
    return False
