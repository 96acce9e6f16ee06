import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import pytest

from demo import export_rows, exports
from demo.export_rows import Rejection
from demo.exports import Cancellation, Invoice, invoices
from demo.make_export import BACK, VARIANTS, export


def made(variant: str, *, seed: int = 7, orders: int = 400) -> bytes:
    return b"".join(export(seed=seed, orders=orders, variant=variant))


@pytest.mark.parametrize("variant", VARIANTS)
def test_same_seed_makes_the_same_bytes(variant: str):
    assert made(variant) == made(variant)
    assert made(variant) != made(variant, seed=8)


@pytest.mark.parametrize("variant", VARIANTS)
def test_shorter_export_is_the_beginning_of_a_longer_one(variant: str):
    assert made(variant).startswith(made(variant, orders=BACK))


@pytest.mark.parametrize("variant", VARIANTS)
def test_made_export_has_every_kind_of_row(variant: str):
    found = list(invoices(BytesIO(made(variant, orders=2_000))))
    orders = [one for one in found if isinstance(one, Invoice)]
    cancelled = [one for one in found if isinstance(one, Cancellation)]
    reasons = {one.reason for one in found if isinstance(one, Rejection)}
    assert len(orders) > 1_800
    assert any(len(order.lines) > 90 for order in orders)
    assert {order.country for order in orders} > {"EIRE", "Curaçao", "Unspecified"}
    known = {order.number for order in orders}
    assert {one.invoice in known for one in cancelled} == {True, False}
    assert reasons >= {
        exports.NO_ROW_LEFT,
        "another price than the SKU has in the same invoice",
        "no country",
        "no customer",
        "no stock code",
        "not a date",
        "not a product",
        "price has a fraction of a penny",
        "price is not a number",
        "price is not positive",
        "quantity is above 100,000",
        "quantity is not a number",
        "quantity is not positive",
    }


def test_above_every_limit():
    found = list(invoices(BytesIO(made("limits", orders=2_000))))
    orders = [one for one in found if isinstance(one, Invoice)]
    lines = [line for order in orders for line in order.lines]
    assert {one.reason for one in found if isinstance(one, Rejection)} >= {
        export_rows.TOO_LONG,
        export_rows.ZERO_BYTE,
        "country is too long",
        "customer is not an identifier",
        "price is above 1,000,000",
        "stock code is too long",
        "too few columns",
    }
    assert max(line.unit_price for line in lines) == 100 * exports.MAX_PRICE
    assert max(line.quantity for line in lines) >= exports.MAX_QUANTITY


def test_variants_differ_in_how_they_are_written():
    retail, continental, limits = (made(variant) for variant in VARIANTS)
    assert retail.startswith(b"\xef\xbb\xbfInvoiceNo,StockCode")
    assert continental.startswith(b"INVOICENO;STOCKCODE")
    assert b"\r\n" in continental
    assert b"\xe8me" in continental
    assert limits.startswith(b"invoiceno\tstockcode")
    assert all(b'"' in one and b"\n\n" in one.replace(b"\r", b"") for one in (retail, continental))


def run(out: IO[Any] | int) -> tuple[int, str]:
    with subprocess.Popen(
        [sys.executable, "-m", "demo.make_export", "--orders", "3000"],
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
    ) as made:
        if made.stdout:
            made.stdout.readline()
            made.stdout.close()
        assert made.stderr is not None
        said = made.stderr.read()
    return made.returncode, said.partition("\n")[2]


def test_reader_that_closes_the_pipe_gets_no_traceback():
    assert run(subprocess.PIPE) == (-signal.SIGPIPE, "")


def test_output_that_cannot_be_written_is_one_line():
    with Path("/dev/full").open("w") as full:
        assert run(full) == (2, "[Errno 28] No space left on device\n")
