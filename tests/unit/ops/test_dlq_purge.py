"""`dlq purge` deletes the named dead letters and no others."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ops.dlq.decode import RawMessage
from tests.unit.ops.dead_letter_samples import message
from tests.unit.ops.fakes import FakeSinkReader

QUEUE = "shipping/DispatchShipmentDeadLetters"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> FakeSinkReader:
    reader = FakeSinkReader([message("{}", id=id) for id in ("a", "b", "c", "d\x1b")])
    monkeypatch.setattr("ops.dlq.purge.reader_for", lambda *_: reader)
    return reader


def test_purge_without_yes_deletes_nothing(run: Run, reader: FakeSinkReader):
    code, out, err = run("dlq", "purge", QUEUE, "--id", "b")

    assert (code, err) == (0, "")
    assert out.startswith("b\n")
    assert out.endswith("1 would be deleted; to do it, add --yes\n")
    assert reader.ids == ["a", "b", "c", "d\x1b"]
    assert reader.in_flight == set()


def test_purge_with_yes_deletes_the_named_ones_only(run: Run, reader: FakeSinkReader):
    code, out, _ = run("dlq", "purge", "DispatchShipmentDead", "--id", "c", "--id", "a", "--yes")

    assert (code, out.splitlines()[-1]) == (0, "2 deleted")
    assert reader.ids == ["b", "d\x1b"]


def test_purge_with_an_unknown_id_deletes_nothing(run: Run, reader: FakeSinkReader):
    code, out, err = run("dlq", "purge", QUEUE, "--id", "a", "--id", "x", "--yes")

    assert (code, out, err) == (2, "", "found no dead letter x: see dlq show\n")
    assert reader.ids == ["a", "b", "c", "d\x1b"]


def test_purge_without_id_is_refused(run: Run, reader: FakeSinkReader):
    with pytest.raises(SystemExit) as refused:
        run("dlq", "purge", QUEUE, "--yes")

    assert refused.value.code == 2
    assert len(reader.ids) == 4


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_purge_json_has_the_whole_dead_letter(run: Run, reader: FakeSinkReader, yes: tuple[str]):
    _, out, _ = run("dlq", "purge", QUEUE, "--id", "d\x1b", "--json", *yes)

    (shown,) = json.loads(out)
    assert (shown["id"], shown["body"], shown["deleted"]) == ("d\x1b", "{}", bool(yes))


def test_interrupted_purge_reports_what_was_deleted(
    run: Run, reader: FakeSinkReader, monkeypatch: pytest.MonkeyPatch
):
    delete = reader.delete

    def interrupted(message: RawMessage) -> Any:
        if message.id == "b":
            raise KeyboardInterrupt
        return delete(message)

    monkeypatch.setattr(reader, "delete", interrupted)

    code, out, _ = run("dlq", "purge", QUEUE, "--id", "a", "--id", "b", "--yes")

    assert (code, out.splitlines()[-1]) == (130, "1 deleted")
    assert reader.ids == ["b", "c", "d\x1b"]
