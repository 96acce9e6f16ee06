from io import BytesIO
from pathlib import Path

import pytest

from demo import export_rows, exports
from demo.export_rows import ExportError, Rejection
from demo.exports import Cancellation, Invoice, check, invoices, read
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


def test_invoice_is_an_order():
    found = parsed(GOOD, row(StockCode="71053", Quantity="2", UnitPrice="3.39"))
    assert found == [
        Invoice(
            line=2,
            number="536365",
            customer="17850",
            country="United Kingdom",
            lines=(line("85123A", 6, 255), line("71053", 2, 339)),
        )
    ]


def test_next_invoice_number_begins_the_next_order():
    found = parsed(GOOD, row(InvoiceNo="536366"), row(InvoiceNo="536366", StockCode="71053"))
    assert [
        (one.line, one.number, len(one.lines)) for one in found if isinstance(one, Invoice)
    ] == [
        (2, "536365", 1),
        (3, "536366", 2),
    ]


def test_orders_are_yielded_while_the_file_is_read():
    class Endless(BytesIO):
        def __init__(self):
            super().__init__()
            self.rows = iter([HEADER, GOOD, row(InvoiceNo="536366")])

        def readline(self, size: int | None = -1) -> bytes:
            return next(self.rows).encode() + b"\n"

    assert only_order([next(invoices(Endless()))]).number == "536365"


def test_rows_of_one_sku_at_one_price_are_summed():
    assert only_order(parsed(GOOD, GOOD, row(StockCode="85123a"))).lines == (
        line("85123A", 18, 255),
    )


def test_row_at_another_price_is_refused_and_the_rest_is_read():
    found = parsed(GOOD, row(UnitPrice="2.60"), row(StockCode="71053"))
    assert only_order(found).lines == (line("85123A", 6, 255), line("71053", 6, 255))
    assert found[0] == Rejection(
        line=3,
        invoice="536365",
        reason="another price than the SKU has in the same invoice",
        detail="85123A at 2.60",
    )


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("CustomerID", "", "no customer"),
        ("CustomerID", "a\u00e9b", "customer is not an identifier"),
        ("CustomerID", "7" * 65, "customer is not an identifier"),
        ("Country", " ", "no country"),
        ("Country", "x" * 65, "country is too long"),
        ("StockCode", "", "no stock code"),
        ("StockCode", "9" * 65, "stock code is too long"),
        *(("StockCode", fee, "not a product") for fee in sorted(exports.FEES)),
        ("StockCode", "post", "not a product"),
        ("StockCode", "gift_0001_20", "not a product"),
        ("Quantity", "0", "quantity is not positive"),
        ("Quantity", "-6", "quantity is not positive"),
        ("Quantity", "100001", "quantity is above 100,000"),
        ("Quantity", "six", "quantity is not a number"),
        ("Quantity", "1.5", "quantity is not a whole number"),
        ("Quantity", '"1,000"', "quantity can be read in two ways"),
        ("Quantity", "12.000", "quantity can be read in two ways"),
        ("Quantity", '"1,000,00"', "quantity is not a number"),
        ("Quantity", "9" * 5_000, "quantity is above 100,000"),
        ("Quantity", "1e3", "quantity is not a number"),
        ("Quantity", "\u0666", "quantity is not a number"),
        ("Quantity", "", "quantity is not a number"),
        ("UnitPrice", "0.00", "price is not positive"),
        ("UnitPrice", "-2.55", "price is not positive"),
        ("UnitPrice", "nan", "price is not a number"),
        ("UnitPrice", "1e400", "price is not a number"),
        ("UnitPrice", "", "price is not a number"),
        ("UnitPrice", "0.001", "price has a fraction of a penny"),
        ("UnitPrice", '"1,250"', "price can be read in two ways"),
        ("UnitPrice", "1.250", "price can be read in two ways"),
        ("UnitPrice", "1000000.01", "price is above 1,000,000"),
        ("InvoiceDate", "", "not a date"),
        ("InvoiceDate", "31/31/2010 8:26", "not a date"),
        ("InvoiceDate", "soon", "not a date"),
        ("InvoiceDate", "12/1/2010 24:26", "not a date"),
        ("InvoiceDate", "12/1/2010 13:26 PM", "not a date"),
        ("InvoiceDate", "40513 8:26", "not a date"),
        ("InvoiceDate", "7", "not a date"),
        ("InvoiceNo", "", "no invoice number"),
        ("InvoiceNo", "53 6365", "invoice number is not an identifier"),
    ],
)
def test_bad_row_is_refused_with_its_line_and_reason(column: str, value: str, reason: str):
    bad = row(**{column: value})
    assert refusals(row(InvoiceNo="1"), bad, row(InvoiceNo="2"))[0] == (3, reason)


def test_invoice_without_a_usable_row_is_refused():
    assert refusals(row(Quantity="0"), row(Quantity="-1")) == [
        (2, "quantity is not positive"),
        (3, "quantity is not positive"),
        (2, "no usable row left"),
    ]


def test_invoice_of_two_customers_or_countries_keeps_the_first():
    found = parsed(GOOD, row(CustomerID="1"), row(Country="France"), row(StockCode="71053"))
    assert only_order(found).customer == "17850"
    assert len(only_order(found).lines) == 2
    assert [one.reason for one in found if isinstance(one, Rejection)] == [
        "another customer than its invoice's",
        "another country than its invoice's",
    ]


@pytest.mark.parametrize("mark", ["C", "c"])
def test_invoice_number_with_a_c_cancels_the_order_of_that_number(mark: str):
    rows = [
        row(InvoiceNo=f"{mark}536365", Quantity="-1", UnitPrice="", StockCode="POST"),
        row(InvoiceNo=f"{mark}536365", Quantity="six", InvoiceDate="soon", Country=""),
    ]
    _, cancellation = parsed(GOOD, *rows)
    assert cancellation == Cancellation(
        line=3, number=f"{mark}536365", invoice="536365", customer="17850"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"InvoiceNo": "C536365", "CustomerID": ""}, "no customer"),
        ({"InvoiceNo": "C"}, "no invoice number"),
        ({"InvoiceNo": "C53 6365"}, "invoice number is not an identifier"),
    ],
)
def test_cancellation_without_customer_or_order_is_refused(changes: dict[str, str], reason: str):
    assert refusals(GOOD, row(**changes)) == [(3, reason), (3, exports.NO_ROW_LEFT)]


def test_cancellation_of_two_customers_keeps_the_first():
    rows = [row(InvoiceNo="C536365"), row(InvoiceNo="C536365", CustomerID="1")]
    found = parsed(*rows)
    assert isinstance(found[1], Cancellation)
    assert refusals(*rows) == [(3, "another customer than its invoice's")]


def test_short_row_is_refused_and_blank_rows_are_ignored():
    assert refusals(GOOD, "536365,71053,Lantern", "", ",,,,,,,", row(StockCode="71053")) == [
        (3, "too few columns")
    ]


def test_rows_of_an_invoice_are_limited(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exports, "MAX_ROWS", 2)
    found = parsed(GOOD, GOOD, GOOD)
    assert only_order(found).lines == (line("85123A", 12, 255),)
    assert [one.reason for one in found if isinstance(one, Rejection)] == [
        "more than 2 rows in one invoice"
    ]


@pytest.mark.parametrize(
    ("price", "amount"),
    [
        ("2.55", 255),
        ("2,55", 255),
        ("2", 200),
        ("0.1", 10),
        ("2.5500", 255),
        ("£2.55", 255),
        ("€ 2,55", 255),
        ("1,234.50", 123450),
        ("1.234,50", 123450),
        ("1,000,000.00", 1_000_000_00),
        ("0.29", 29),
        ("1.15", 115),
        ("0.250", 25),
        ("1,000,000", 1_000_000_00),
        ("1 234,50", 123450),
        ("1\u00a0234,50 €", 123450),
        ("1'234.50", 123450),
    ],
)
def test_prices_are_exact_minor_units(price: str, amount: int):
    assert exports.pence(price) == amount


@pytest.mark.parametrize(
    "date",
    [
        "12/1/2010 8:26",
        "13/12/2010 08:26",
        "12/13/2010 08:26:00",
        "2010-12-01 08:26:00",
        "2010-12-01T08:26:00",
        "2010-12-01",
        "01-12-2010 08:26",
        "01.12.2010 08:26",
        "01-Dec-10",
        "12/1/10 8:26",
        "12/1/10",
        "13/12/10",
        "01-12-10 8:26",
        "13-12-10",
        "12/1/2010 8:26:00 AM",
        '"12/1/10, 8:26 pm"',
        "8:26:00 AM",
        "08:26",
        "2010/12/01 08:26",
        "01-Dec-2010 08:26",
        "1 December 2010",
        '"Dec 1, 2010"',
        "40513",
        "40513.3513888889",
        '"40513,35"',
    ],
)
def test_dates_come_in_many_formats(date: str):
    assert only_order(parsed(row(InvoiceDate=date))).number == "536365"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_of_the_data_sets_second_edition_are_read(delimiter: str):
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    cells = ["489434.0", "85048 ", "Balls", "12", "2009-12-01 07:45:00", "6.95", "13085.0", "EIRE"]
    order = only_order(
        parsed(delimiter.join(cells), header=header.replace(",", delimiter), encoding="utf-8-sig")
    )
    assert (order.number, order.customer) == ("489434", "13085")
    assert order.lines == (line("85048", 12, 695),)


def test_columns_are_found_in_any_order_and_case_among_others():
    header = "country,Note,invoice_no,STOCKCODE,quantity,invoice date,unit price,customer_id"
    order = only_order(parsed("EIRE,x,1,A1,2,2010-12-01,1.00,7", header=header))
    assert (order.country, order.lines) == ("EIRE", (line("A1", 2, 100),))


def test_latin_1_line_in_a_utf_8_file_is_read():
    text = "\n".join([HEADER, row(Description="Caf\u00e9"), row(Country="C\u00f4te d'Ivoire")])
    found = list(invoices(BytesIO(text.encode("latin-1"))))
    assert len(only_order(found).lines) == 1
    assert [one.detail for one in found if isinstance(one, Rejection)] == ["C\u00f4te d'Ivoire"]


@pytest.mark.parametrize(
    ("quantity", "units"),
    [("6", 6), ("6.0", 6), ('"6,00"', 6), ('"1,000.0"', 1000), ("1 000", 1000)],
)
def test_whole_quantities_are_read(quantity: str, units: int):
    assert only_order(parsed(row(Quantity=quantity))).lines == (line("85123A", units, 255),)


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


def test_missing_file_or_folder_is_refused_in_one_line(tmp_path: Path):
    with pytest.raises(ExportError, match="does not exist"):
        check(tmp_path / "none.csv")
    with pytest.raises(ExportError, match="is not a file"):
        check(tmp_path)


def test_sample_has_every_kind_of_row():
    found = list(read(Path(exports.__file__).with_name("sample.csv")))
    orders = [one for one in found if isinstance(one, Invoice)]
    reasons = {one.reason for one in found if isinstance(one, Rejection)}
    cancelled = [one for one in found if isinstance(one, Cancellation)]
    totals = [sum(each.quantity * each.unit_price for each in order.lines) for order in orders]
    assert 90 <= len(orders) <= 110
    assert any(len(order.lines) > 90 for order in orders)
    assert any(total > 1_000_00 for total in totals)
    assert any(order.country == "Unspecified" for order in orders)
    assert len(cancelled) >= 10
    assert reasons >= {
        exports.NO_ROW_LEFT,
        "no customer",
        "no country",
        "not a date",
        "not a product",
        "too few columns",
        "price is not positive",
        "quantity is not positive",
        "quantity is above 100,000",
    }
