"""`saga repair ORDER` does not say that all is well while the order waits for a compensation."""

import json
from collections.abc import Callable

import pytest

from ops.dlq import runner
from ops.dlq.failure_sinks import Mechanism
from ops.orders.collect import RecordCollector
from tests.unit.ops.dead_letter_samples import compensation, sinks
from tests.unit.ops.fakes import FakeSinkReader
from tests.unit.ops.order_samples import ID, order

Run = Callable[..., tuple[int, str, str]]
REPAIR = next(sink for sink in sinks() if sink.routes_by(Mechanism.SAGA))


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> FakeSinkReader:
    """An order that waits for ReleaseStock; returns the queue, which holds nothing of it."""
    row = order("CANCELLED", failed_compensations=["ReleaseStock"])
    reader = FakeSinkReader([])
    monkeypatch.setattr(RecordCollector, "order", lambda _: row)
    monkeypatch.setattr(runner, "reader_for", lambda *_: reader)
    return reader


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_compensation_whose_dead_letter_is_gone_is_named(
    run: Run, waiting: FakeSinkReader, yes: tuple[str, ...]
):
    """It was purged, or is older than SQS keeps it."""
    code, out, err = run("saga", "repair", ID, "--json", *yes)

    assert (code, json.loads(out)["moved"]) == (2, 0)
    assert err.startswith(f"order {ID} waits for ReleaseStock, and no dead letter of it was found")
    assert err.count("\n") == 1


def test_compensation_that_could_be_repaired_is_not(run: Run, waiting: FakeSinkReader):
    (machine, *_) = [route.source for route in REPAIR.routes_by(Mechanism.SAGA)]
    waiting.messages.append(compensation(machine, order=ID))

    code, out, err = run("saga", "repair", ID)

    assert (code, err) == (0, "")
    assert "1 would be repaired" in out


def test_dead_letter_that_others_hold_is_not_gone(
    run: Run, waiting: FakeSinkReader, monkeypatch: pytest.MonkeyPatch
):
    (machine, *_) = [route.source for route in REPAIR.routes_by(Mechanism.SAGA)]
    waiting.messages.append(compensation(machine, order=ID))
    waiting.in_flight.add("m1")

    code, out, err = run("saga", "repair", ID)

    assert (code, err) == (1, "")
    assert "1 more cannot be seen now" in out
