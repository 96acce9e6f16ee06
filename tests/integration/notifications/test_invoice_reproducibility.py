"""The PDF of an invoice has the same bytes in every process."""

import subprocess
import sys

from lambdas.notifications.invoice_pdf import render
from tests.support.invoices import confirmed
from tests.support.modules import ROOT

SCRIPT = """
import sys
from tests.support.invoices import confirmed
from lambdas.notifications.invoice_pdf import render
sys.stdout.buffer.write(render(confirmed(), number="INV-1"))
"""


def test_invoice_has_the_same_bytes_in_another_process_and_time_zone():
    made = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={"TZ": zone, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for zone, seed in (("Asia/Tokyo", "1"), ("America/Lima", "2"))
    ]

    assert made[0] == made[1] == render(confirmed(), number="INV-1")
