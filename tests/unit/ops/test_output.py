"""What an operator and a script read, in golden files.

``pytest tests/unit/ops --snapshot-update`` accepts a change.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from syrupy.assertion import SnapshotAssertion

from ops.commands import dlq_list, dlq_show, order_list
from ops.dlq import report, runner
from ops.dlq.decode import DeadLetter, RawMessage, decode
from ops.dlq.failure_sinks import FailureSink, Mechanism
from ops.dlq.peek import SinkContents
from ops.dlq.readers import Depth
from ops.dlq.redrive import Redrive, RedriveResult, Tally
from ops.output import format_age, one_line
from tests.unit.ops.conftest import EmptyDeployed
from tests.unit.ops.dead_letter_samples import (
    AT,
    arn,
    compensation,
    dead_lettered_by,
    message,
    named,
    outcome,
    sink,
)
from tests.unit.ops.fakes import FakeSinkReader

NOW = AT + timedelta(hours=3)
NAMES = (
    "backbone/ToOrderStreamRuleUndelivered",
    "orders/JobsRepublishStalledDeadLetters",
    "orders/Repair",
    "storefront/AvailabilitySubscriberDeadLetters",
    "shipping/DispatchShipmentDeadLetters",
    "shipping/OutboxDeadLetters",
    "storefront/ProjectionDeadLetters",
)


def found() -> list[SinkContents]:
    def at(name: str, there: int, in_flight: int = 0) -> SinkContents:
        letters = [decode(message("{}", id=str(number)), sink(name)) for number in range(there)]
        return SinkContents(
            sink=sink(name),
            depth=Depth(visible=there, in_flight=in_flight, measured_at=AT),
            dead_letters=letters,
        )

    return [at(name, number, in_flight=number // 3) for number, name in enumerate(NAMES)]


def records(at: FailureSink) -> list[DeadLetter]:
    """Return a dead letter of each kind, and one of an unknown shape."""
    kinds = [dead_lettered_by(route, at, id=f"m{number}") for number, route in enumerate(at.routes)]
    if at.routes_by(Mechanism.SAGA):
        machine = at.routes[0].source
        function = arn(named("inventory/ReleaseStock")).removesuffix(":$LATEST")
        kinds = [compensation(machine, id="m0", function=function), outcome(machine)]
    history = {"reason": "it makes no sense", "redriven": "1", "earlier": "too big\ntoo small"}
    again = [message("x", history, id="h")] if at.is_fifo else []
    return [decode(each, at) for each in (*kinds, *again, message("po\nison", id="p"))]


def test_dlq_list(golden: SnapshotAssertion):
    assert dlq_list.as_table(found(), NOW, of=66) + "\n" == golden


def test_dlq_list_json(golden: SnapshotAssertion):
    assert json.dumps(dlq_list.as_json(found()), indent=2) == golden


def test_dlq_list_when_all_are_empty(golden: SnapshotAssertion):
    depth = Depth(visible=0, measured_at=AT)
    empty = SinkContents(sink=sink(NAMES[0]), depth=depth, dead_letters=())

    assert dlq_list.as_table([empty], NOW, of=66) + "\n" == golden


@pytest.mark.parametrize("name", NAMES, ids=[name.replace("/", "-") for name in NAMES])
def test_show(golden: SnapshotAssertion, name: str):
    at = sink(name)

    assert dlq_show.as_text(records(at), at, hidden=2, now=NOW) + "\n" == golden


def test_dead_letter_of_one_of_several_functions_names_the_log_of_that_one():
    at = sink("storefront/ProjectionDeadLetters")
    logs = {dlq_show.log_group(record, at) for record in records(at)}

    assert {name.rpartition("-")[2].partition("Logs")[0] for name in logs} == {
        "UpdateTimelines",
        "UpdateCustomerOrders",
        "UpdateSales",
        "",
    }


def test_whole_reason_is_shown_what_was_denied_stands_at_its_end():
    denied = (
        f"AccessDeniedException: {'User: arn:aws:sts::123456789012:assumed-role/r ' * 5}, a deny"
    )
    at = sink("storefront/AvailabilitySubscriberDeadLetters")
    (record, *_) = records(at)
    result = RedriveResult(sink=at, dead_letter=record, error=denied)

    shown = dlq_show.describe(replace(record, error=denied), at, now=NOW)
    tally = report.tally_as_text(Tally(results=[result]), done=True)

    assert [line for line in shown if line.endswith(", a deny")]
    assert "not moved: AccessDenied" in tally
    assert ", a deny\n" in tally


def test_show_json(golden: SnapshotAssertion):
    at = sink("storefront/AvailabilitySubscriberDeadLetters")

    assert json.dumps([dlq_show.as_json(each, at) for each in records(at)], indent=2) == golden


@pytest.mark.parametrize("done", [False, True], ids=["dry", "done"])
def test_redrive(golden: SnapshotAssertion, done: bool):
    at = sink("shipping/OutboxDeadLetters")
    tally = Tally()
    whole = [record.message for record in records(at)]
    how = Redrive(
        is_selected=lambda record: record.message.id != "m1",
        execute=(lambda action: None) if done else None,
        throttle=lambda: None,
        progress=lambda _: None,
        dead_lettered_before=NOW,
    )
    how.run(at, FakeSinkReader([*whole, message("x", id="held")], in_flight={"held"}), tally)

    assert report.tally_as_text(tally, done=done) + "\n" == golden
    assert report.tally_as_json(tally)["failed"] == 1


def test_interrupted_redrive_names_what_may_come_twice(golden: SnapshotAssertion):
    tally = Tally(in_progress=records(sink("shipping/OutboxDeadLetters"))[0])

    assert report.tally_as_text(tally, done=True) + "\n" == golden


@pytest.mark.parametrize(
    ("done", "of", "shown"), [(0, 0, 0), (0, 9, 0), (3, 9, 10), (9, 9, 30), (10, 9, 30)]
)
def test_bar_grows_with_progress(done: int, of: int, shown: int):
    text = report.progress_bar(done, of)

    assert text.count("#") == shown
    assert len(text.partition("]")[0]) == report.BAR_WIDTH + 1


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=23), "23 h"),
        (timedelta(days=13, hours=23), "13 d"),
    ],
)
def test_age_has_one_unit(past: timedelta, text: str):
    assert format_age(AT, AT + past) == text


def test_line_breaks_are_removed_from_one_line():
    assert one_line({"a": "b\nc"}) == '{"a": "b\\nc"}'
    assert one_line("a\n b") == "a b"
    assert one_line("x" * 200, max_length=10) == "x" * 9 + "…"


Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    "arguments",
    [["dlq", "list"], ["dlq", "show", "Repair"], ["dlq", "redrive", "--all"],
     ["dlq", "redrive", "Repair", "--yes"], ["saga", "repair"], ["saga", "repair", "--yes"]],
)  # fmt: skip
def test_empty_sinks_end_with_0(run: Run, arguments: Sequence[str]):
    code, out, err = run(*arguments)

    assert (code, err) == (0, "")
    assert out.endswith("\n")


@pytest.mark.parametrize(
    ("noun", "verb", "word"), [("dlq", "redrive", "moved"), ("saga", "repair", "repaired")]
)
def test_summary_has_the_verb_of_the_command(run: Run, noun: str, verb: str, word: str):
    sink = ["Repair"] if verb == "redrive" else []

    _, dry, _ = run(noun, verb, *sink)
    _, done, _ = run(noun, verb, *sink, "--yes")

    assert dry.startswith(f"0 would be {word}, ")
    assert done.startswith(f"0 {word}, ")


def test_dry_run_shows_how_far_it_is(run: Run, monkeypatch: pytest.MonkeyPatch):
    at = sink("shipping/DispatchShipmentDeadLetters")
    reader = FakeSinkReader([dead_lettered_by(at.routes[0], at, id="m")])
    monkeypatch.setattr(
        runner, "reader_for", lambda found, _: reader if found == at else FakeSinkReader([])
    )

    _, out, _ = run("dlq", "redrive", "--all")

    assert out.startswith("redrive, dry run: [##############################] 1 of 1, 0 failed\n")


@pytest.mark.parametrize("code", ["AccessDeniedException", "AuthorizationError"])
def test_sink_without_permission_is_skipped(run: Run, monkeypatch: pytest.MonkeyPatch, code: str):
    called: list[str] = []

    def invoke(**_: Any) -> None:
        called.append("once more")
        if len(called) == 1:
            raise ClientError({"Error": {"Code": code, "Message": "not you"}}, "Invoke")

    names = ("orders/MarkDispatchedDeadLetters", "shipping/DispatchShipmentDeadLetters")
    readers = {
        name: FakeSinkReader([dead_lettered_by(sink(name).routes[0], sink(name), id="m")])
        for name in names
    }
    monkeypatch.setattr(
        runner, "reader_for", lambda at, _: readers.get(at.name, FakeSinkReader([]))
    )
    monkeypatch.setattr(EmptyDeployed, "client", lambda *_: SimpleNamespace(invoke=invoke))

    ended, out, err = run("dlq", "redrive", "--all", "--yes")
    json_ended, document, _ = run("dlq", "redrive", "--all", "--json")

    assert [readers[name].ids for name in names] == [["m"], []]
    assert (ended, json_ended) == (1, 0)
    assert "1 moved, 0 could not be" in out
    assert f"{names[0]}  not processed: An error occurred ({code})" in out
    assert (err, json.loads(document)["unreadable"]) == ("", {})


def test_undeletable_message_ends_the_redrive_and_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteMessage")

    class Undeletable(FakeSinkReader):
        def delete(self, message: RawMessage) -> None:
            raise error

    readers: dict[str, FakeSinkReader] = {
        at.name: kind([dead_lettered_by(at.routes[0], at, id=id)])
        for at, kind, id in (
            (sink("orders/MarkDispatchedDeadLetters"), Undeletable, "first"),
            (sink("shipping/DispatchShipmentDeadLetters"), FakeSinkReader, "second"),
        )
    }
    monkeypatch.setattr(
        runner, "reader_for", lambda at, _: readers.get(at.name, FakeSinkReader([]))
    )
    monkeypatch.setattr(
        EmptyDeployed, "client", lambda *_: SimpleNamespace(invoke=lambda **_: None)
    )

    code, out, err = run("dlq", "redrive", "--all", "--yes")

    assert (code, err) == (2, f"{error}\n")
    assert "first was being moved: it may be done twice" in out
    assert readers["shipping/DispatchShipmentDeadLetters"].ids == ["second"]


def test_error_of_every_sink_ends_the_redrive(run: Run, monkeypatch: pytest.MonkeyPatch):
    error = ClientError({"Error": {"Code": "ExpiredToken", "Message": "x"}}, "GetQueueAttributes")
    asked: list[str] = []

    def expired(at: FailureSink, _: Any) -> None:
        asked.append(at.name)
        raise error

    monkeypatch.setattr(runner, "reader_for", expired)

    code, _, err = run("dlq", "redrive", "--all")

    assert (code, len(asked), err) == (2, 1, f"{error}\n")


def test_table_without_rows_is_its_summary_only():
    assert dlq_list.as_table([], NOW, of=75) == "0 dead letters in 0 of 75 queues"
    assert order_list.as_text([], [], of=0, now=NOW) == "0 of 0 orders"
