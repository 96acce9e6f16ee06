"""Whatever a message or a row holds, the command shows it and stays in control of the terminal."""

import io
import json
import sys
from dataclasses import replace

import pytest
from botocore.exceptions import ParamValidationError

from ops.commands import dlq_show
from ops.dlq.decode import RawMessage, decode
from ops.dlq.failure_sinks import Mechanism
from ops.dlq.plan import Action, plan_redrive
from ops.dlq.redrive import Redrive, RedriveResult, Tally
from ops.dlq.report import tally_as_text
from ops.dlq.target_input import NotRedrivableError
from ops.orders.render import render_lines
from ops.orders.trace import trace_document
from ops.output import (
    format_table,
    one_line,
    print_json,
    print_lines,
    print_raw,
    print_text,
    printable,
)
from ops.terminal import Terminal
from tests.unit.ops.dead_letter_samples import AT, arn, dead_lettered_by, message, sink, sinks
from tests.unit.ops.fakes import FakeSinkReader
from tests.unit.ops.order_samples import REJECTED

DEEP = "[" * 5_000 + "]" * 5_000
BODIES = {
    "text": "poison",
    "list": "[1]",
    "null": "null",
    "number": "1",
    "json text": '"text"',
    "deep": DEEP,
    "deep inside an object": f'{{"record": {DEEP}, "reason": "r"}}',
    "moderately deep": "[" * 600 + "]" * 600,
    "not a number": '{"a": NaN}',
    "infinite": '{"a": 1e999}',
    "huge integer": "9" * 5_000,
    "empty": "",
    "half a character": '{"a": "\\ud800"}',
    "control": "\x1b[2J\x07\x00",
    "batch that is text": json.dumps(
        {
            "requestContext": {"functionArn": "arn:aws:lambda:eu-west-1:1:function:f"},
            "DDBStreamBatchInfo": {},
            "payload": "poison",
        }
    ),
}
ATTRIBUTES: dict[str, dict[str, str]] = {
    "none": {},
    "reason": {"reason": "it makes no sense"},
    "rule": {"RULE_ARN": "arn:aws:events:eu-west-1:1:rule/r", "TARGET_ARN": "t"},
    "function": {"RequestID": "r", "ErrorCode": "200", "ErrorMessage": "no"},
    "count": {"redriven": "9" * 5_000},
}


@pytest.fixture(params=[(body, said) for body in BODIES for said in ATTRIBUTES], ids="-".join)
def hostile(request: pytest.FixtureRequest) -> RawMessage:
    body, said = request.param
    return message(BODIES[body], ATTRIBUTES[said])


def test_any_message_in_any_queue_is_shown_and_planned_or_refused(
    hostile: RawMessage, capsys: pytest.CaptureFixture[str]
):
    for at in sinks():
        dead_letter = decode(hostile, at)
        print_text(dlq_show.as_text([dead_letter], at, hidden=0, now=AT))
        print_json([dlq_show.as_json(dead_letter, at)])

    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()


def test_record_that_is_no_object_is_not_redrivable():
    at = sink("shipping/OutboxDeadLetters")

    with pytest.raises(NotRedrivableError, match="no JSON object"):
        plan_redrive(decode(message("poison", {"reason": "r"}), at), at)


def test_record_that_was_too_large_for_a_message_is_not_redrivable():
    at = sink("shipping/OutboxDeadLetters")
    record = {"dynamodb": {"Keys": {"order_id": {"S": "o"}}, "SequenceNumber": "7"}}
    said = {"reason": "r", "record": record, "too_large": 2_000_000}

    with pytest.raises(NotRedrivableError, match="too large"):
        plan_redrive(decode(message(json.dumps(said), {}), at), at)


def test_body_that_is_no_json_is_not_handed_to_a_function():
    at = sink("shipping/DispatchShipmentOnOrderPickedRuleUndelivered")
    said = {"RULE_ARN": arn(at.routes[0].source)}

    with pytest.raises(NotRedrivableError, match="no JSON that shipping/DispatchShipment can read"):
        plan_redrive(decode(message(DEEP, said), at), at)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 订单 🙂", "plain é 订单 🙂"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\tc\x7f\x9b", "a\\x0db\\x09c\\x7f\\x9b"),
        ("a\u202eb\u2066c\u200fd", "a\\u202eb\\u2066c\\u200fd"),
        ("a\u200bb\ufeffc\u00add\u3164e", "a\\u200bb\\ufeffc\\xadd\\u3164e"),
        ("a\u2028b", "a\\u2028b"),
        ("a\ud800b", "a\\ud800b"),
        ("a\U000e0041b", "a\\U000e0041b"),
        ("two\nlines", "two\\x0alines"),
    ],
)
def test_control_and_invisible_characters_are_escaped(text: str, shown: str):
    assert printable(text) == shown


def test_printed_text_keeps_its_lines_and_escapes_the_rest(capsys: pytest.CaptureFixture[str]):
    print_text("two\nlines\x1b[2J")

    assert capsys.readouterr().out == "two\nlines\\x1b[2J\n"


def test_one_line_of_hostile_text_is_one_printable_line():
    assert one_line("a\nb\x1b\u2028c") == "a b\\x1b c"


def test_cell_of_a_table_cannot_forge_a_line():
    table = format_table(("CUSTOMER", "STATE"), [("ann\nbob  HELD\x1b[2J", "PLACED")])

    assert table.splitlines()[1:] == ["ann\\x0abob  HELD\\x1b[2J  PLACED"]


def test_progress_line_is_escaped(capsys: pytest.CaptureFixture[str]):
    terminal = Terminal()
    terminal.say("differs: \x1b[2Jsku")
    terminal.end()

    assert capsys.readouterr().out == "differs: \\x1b[2Jsku\n"


def test_progress_on_a_narrow_terminal_is_redrawn_on_one_line(monkeypatch: pytest.MonkeyPatch):
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()

    terminal.say("redrive: one of many")
    terminal.say("redrive: two of many of them")

    assert screen.getvalue().split("\r\033[K") == ["\nredrive: one of man", "redrive: two of man"]


def test_json_output_has_no_raw_control_character(capsys: pytest.CaptureFixture[str]):
    print_json({"a": "\x7f\x1b\u202e"})

    out = capsys.readouterr().out
    assert json.loads(out) == {"a": "\x7f\x1b\u202e"}
    assert out.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["explanation", "customer_id", "country"])
def test_text_of_an_order_cannot_forge_a_line(name: str, capsys: pytest.CaptureFixture[str]):
    known = replace(REJECTED, order={**REJECTED.order, name: "x\n  nothing\x1b"})

    print_lines(render_lines(trace_document(known, now=AT)))

    out = capsys.readouterr().out
    assert "x\\x0a  nothing\\x1b" in out
    assert out.replace("\n", "").isprintable()


def test_message_id_cannot_forge_a_line():
    at = sink("storefront/ProjectionDeadLetters")
    forged = decode(message("x", id="key\n0 would be moved\x1b"), at)
    left = RedriveResult(sink=at, dead_letter=forged, error="no")

    text = dlq_show.as_text([forged], at, hidden=0, now=AT)
    moved = tally_as_text(Tally(results=[left], in_progress=forged), done=True)

    shown = "key\\x0a0 would be moved\\x1b"
    assert shown in text.splitlines()
    assert [line for line in moved.splitlines() if shown in line] == [
        f"{at.name}  {shown}",
        f"{shown} was being moved: it may be done twice",
    ]


@pytest.mark.parametrize(("tty", "shown"), [(True, "a\\x1bb\n"), (False, "a\x1bb\n")])
def test_raw_bodies_are_escaped_on_a_terminal_only(
    tty: bool, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty)

    print_raw("a\x1bb")

    assert capsys.readouterr().out == shown


@pytest.mark.parametrize(
    "pointer",
    [
        {"streamArn": 1},
        {"startSequenceNumber": "x"},
        {"endSequenceNumber": None},
        {"shardId": {}},
    ],
    ids=str,
)
def test_pointer_with_other_values_is_not_redrivable(pointer: dict[str, object]):
    at = sink("shipping/OutboxDeadLetters")
    (route,) = at.routes_by(Mechanism.STREAM_MAPPING)
    body = json.loads(dead_lettered_by(route, at).body)
    body["DDBStreamBatchInfo"] |= pointer

    with pytest.raises(NotRedrivableError, match="no complete pointer"):
        plan_redrive(decode(message(body), at), at)


def test_message_that_no_request_can_carry_fails_alone():
    at = sink("shipping/DispatchShipmentDeadLetters")
    reader = FakeSinkReader([dead_lettered_by(at.routes[0], at, id=id) for id in ("a", "b")])
    results: list[str] = []

    def execute(_: Action) -> None:
        results.append("called")
        raise ParamValidationError(report="Invalid length for parameter PartitionKey")

    tally = Tally()
    Redrive(
        is_selected=lambda _: True,
        execute=execute,
        throttle=lambda: None,
        progress=lambda _: None,
        dead_lettered_before=reader.began,
    ).run(at, reader, tally)

    assert (len(results), tally.failed, reader.ids) == (2, 2, ["a", "b"])


def test_what_one_function_hands_to_another_is_named_by_its_event():
    confirmed = {"detail-type": "OrderConfirmed", "detail": {"data": {"order_id": "o1"}}}
    outcome = {"requestContext": {"condition": "Success"}, "requestPayload": confirmed}
    notice = {"Records": [{"Sns": {"Message": json.dumps(outcome)}}]}

    for handed in (outcome, notice):
        assert dlq_show.summary(handed) == 'outcome of OrderConfirmed {"order_id": "o1"}'
    # What anyone may have written there is shown as it is.
    assert dlq_show.summary({"Records": [{"Sns": {"Message": "}"}}]}).startswith('{"Records"')


def test_event_that_has_no_data_is_named_and_shown_without_its_envelope():
    event = {"version": "0", "detail-type": "OrderPicked", "detail": {"nonsense": 1}}

    assert dlq_show.summary(event) == 'OrderPicked {"nonsense": 1}'
