"""The demo as a person runs it: the whole platform, deployed to the local cloud."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from ops.faults import FAULTS_WHILE_DISPATCHING, FAULTS_WHILE_PLACING
from tests.support.signals import obey_signals

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, "-m", "demo"]
SECONDS = 180


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*DEMO, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=obey_signals,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


def read_until(process: subprocess.Popen[str], end: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if end in line:
            return said
    raise AssertionError(f"it ended early: {said}{process.stderr and process.stderr.read()}")


def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def one_line(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 2
    assert len(process.stderr.splitlines()) == 1, process.stderr
    return process.stderr


def count(output: str, label: str) -> int:
    found = re.search(rf"^ *{label} +([\d,]+)", output, re.MULTILINE)
    assert found, f"no {label} in {output}"
    return int(found[1].replace(",", ""))


def test_demo_of_the_sample_keeps_every_promise_and_can_be_looked_at_until_it_is_interrupted():
    with started("run", "--keep") as demo:
        assert demo.stdout is not None
        output = read_until(demo, "starting")
        assert "A demo or 'up' is running already (process" in one_line(ended("run"))
        output += read_until(demo, "ends everything")
        (console,) = re.findall(r"^  (http://127.0.0.1:\S+)$", output, re.MULTILINE)
        assert urllib3.request("GET", console, redirect=False).status == 303

        demo.send_signal(signal.SIGINT)
        output += read_until(demo, "in all")
        assert demo.wait(SECONDS) == 0, output
        with pytest.raises(urllib3.exceptions.MaxRetryError, match="refused"):
            urllib3.request("GET", console)

    # A failure shows this whole; what an assertion shows is cut.
    sys.stdout.write(output)
    assert "accepted              100 of 101 sent to the API" in output
    assert "holds lifted          3; 3 orders dispatched since" in output
    ends = [count(output, end) for end in ("dispatched", "rejected", "cancelled")]
    assert sum(ends) == 100
    assert count(output, "dispatched") > 50
    assert count(output, "PaymentDeclined") == 4
    moments = [count(output, when) for when in ("before the saga", "during the saga")]
    assert sum(moments) + count(output, "once confirmed") == count(output, "cancelled")
    assert count(output, "once confirmed") > 0
    assert count(output, "AddressUndeliverable") > 0
    assert count(output, "OutOfStock") > 0
    assert "TechnicalFailure" not in output
    assert "line 22               700005    not a product: POST" in output
    assert "1  the API answered 400" in output
    assert "3  the invoice to be cancelled is unknown" in output
    assert "1  the invoice to be cancelled is another customer's" in output
    assert "1  the invoice to be cancelled comes only later" in output
    assert re.search(r"^  of the orders +(\d+) of \1 published$", output, re.MULTILINE)
    assert count(output, "OrderPlaced") == 100
    assert count(output, "OrderCancelled") == count(output, "cancelled")
    assert count(output, "OrderRejected") == count(output, "rejected")
    assert count(output, "OrderWithdrawn") == count(output, "once confirmed")
    assert count(output, "OrderDispatched") == count(output, "dispatched")
    assert count(output, "OrderConfirmed") == count(output, "dispatched") + count(
        output, "OrderWithdrawn"
    )
    assert "the test event        logged whole, in no dead-letter queue" in output
    changes = re.search(r"changes +([\d,]+) of (\d+) SKUs, each SKU's in order", output)
    assert changes, output
    crossed = {kind: count(output, kind) for kind in ("StockBelowMinimum", "StockSoldOut")}
    assert all(crossed.values())
    published = [
        *crossed.values(),
        count(output, "StockChanged"),
        count(output, "StockReplenished"),
    ]
    assert sum(published) == int(changes[1].replace(",", ""))
    assert count(output, "purchase orders") == sum(crossed.values())
    for who in ("storefront", "warehouse"):
        assert re.search(rf"the {who} +right about {changes[2]} of {changes[2]} SKUs", output)
    events = re.search(r"timelines +(\d+) of \1 events of 5 services about 100 orders", output)
    assert events, output
    assert "customers' orders     100 of 100 right" in output
    assert re.search(r"sales +(\d+) of \1 counters", output)
    assert f" {count(output, 'OrderConfirmed')} orders confirmed, " in output
    assert re.search(r"lag +p50 \d+\.\d s, p95 .+, p99 .+, of \d+ events", output)
    for view, items in (("timelines", "100"), ("orders", "100"), ("sales", r"\d+")):
        assert re.search(rf"{view} rebuilt +equal: {items} items$", output, re.MULTILINE), output
    assert "shards                doubled and halved while orders flowed" in output
    eras = re.search(r"events +(\d+), (\d+), (\d+) published before, between and after", output)
    assert eras, output
    assert sum(map(int, eras.groups())) == int(events[1])
    assert all(map(int, eras.groups()))
    assert re.search(r"debits ([\d,.]+), credits \1\n", output)
    assert "dead letters          none, in any queue" in output
    for fault in (*FAULTS_WHILE_PLACING, *FAULTS_WHILE_DISPATCHING):
        assert re.search(rf"{fault.what} +dead-lettered in {fault.queue}$", output, re.MULTILINE), (
            output
        )
        assert re.search(rf"^  {fault.queue} +[1-9]", output, re.MULTILINE), output
    assert re.search(r"[1-9]\d* redriven, none is left", output), output
    assert re.findall(r"^  (\d)  .* (\w+)$", output, re.MULTILINE) == [
        (invariant, "holds") for invariant in "123456"
    ]


def test_taken_port_is_an_error_of_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"Port {port} of 127.0.0.1 cannot be used" in one_line(ended("run", "--port", port))
