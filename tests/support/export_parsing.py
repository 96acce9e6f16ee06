"""Rows in the columns of the Online Retail data set, and what is read of them."""

from io import BytesIO

from demo.export_rows import Rejection
from demo.exports import Cancellation, Invoice, invoices
from lambdas.contracts.values import PricedLine

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
GOOD = "536365,85123A,White heart,6,12/1/2010 8:26,2.55,17850,United Kingdom"

Found = Invoice | Cancellation | Rejection


def parsed(*rows: str, header: str = HEADER, encoding: str = "utf-8") -> list[Found]:
    return list(invoices(BytesIO("\n".join([header, *rows, ""]).encode(encoding))))


def row(**changes: str) -> str:
    cells = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | changes
    return ",".join(cells.values())


def refusals(*rows: str) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in parsed(*rows) if isinstance(one, Rejection)]


def only_order(found: list[Found]) -> Invoice:
    (order,) = (one for one in found if isinstance(one, Invoice))
    return order


def line(sku: str, quantity: int, unit_price: int) -> PricedLine:
    return PricedLine(sku=sku, quantity=quantity, unit_price=unit_price)
