"""Small exports in the columns of the Online Retail data set."""

from pathlib import Path

from tests.support.export_parsing import HEADER

ORDERS = [
    "1,A1,x,2,2010-12-01,1.00,7,EIRE",
    "2,A1,x,2,2010-12-01,0.00,8,EIRE",
    "3,A1,x,3,2010-12-01,1.00,9,EIRE",
]


def write_export(path: Path, *rows: str) -> Path:
    """Write an export of these rows; return its path."""
    path.write_text("\n".join([HEADER, *rows]))
    return path
