"""What arguments, surroundings and signals end the command with, and what it says: one line."""

import signal
from collections.abc import Callable, Iterator, Sequence

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ops import __main__ as main
from ops.deployed import OperationError

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dlq", "show", "Nothing"], "there is no dead-letter queue Nothing: see dlq list"),
        (["dlq", "show", "Undelivered"], "Undelivered is a part of several names: "),
        (["dlq", "show", "Repair", "--id", "m1"], "found no dead letter m1: see dlq show"),
        (["dlq", "redrive", "--all", "--id", "m1"], "found no dead letter m1: see dlq show"),
        (["saga", "repair", "order-1"], "there is no order order-1"),
        (["dlq", "show", "Repair", "--field", "x"], "--field wants PATH=VALUE, and not x"),
        (["dlq", "redrive"], "name a QUEUE, or say --all"),
        (["dlq", "redrive", "Repair", "--all"], "name a QUEUE, or say --all"),
        (["saga", "repair", "order-1", "--all"], "name an ORDER, or say --all"),
    ],
)
def test_what_arguments_name_wrongly_is_one_line(run: Run, arguments: Sequence[str], said: str):
    code, _, err = run(*arguments)

    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(said)


def test_all_is_what_a_repair_without_an_order_repairs(run: Run):
    assert run("saga", "repair", "--all") == run("saga", "repair")


@pytest.mark.parametrize("command", ["saga repair", "dlq list", "preflight"])
def test_unknown_option_names_the_help_of_its_command(
    run: Run, command: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        run(*command.split(), "--nosuch")

    said = f"unrecognized arguments: --nosuch: see python -m ops {command} --help\n"
    assert (ended.value.code, capsys.readouterr().err) == (2, said)


@pytest.mark.parametrize(
    ("command", "option", "values"),
    [
        ("dlq redrive --all", "--per-second", ["0", "-1", "nan", "inf", "x", ""]),
        ("saga resume --all", "--per-second", ["0", "-1"]),
        ("order list", "--older-than", ["0", "-1", "1.5", "9" * 20, "9" * 5000, "²"]),
        ("order list", "--limit", ["0", "x"]),
        ("view rebuild sales", "--overlap", ["-5", "9" * 20]),
        ("view rebuild sales", "--compare-timeout", ["-5", "9" * 20]),
        ("smoke", "--wait", ["nan", "-1"]),
        ("console", "--port", ["0", "65536", "-1"]),
        ("events replay", "--from", ["x", "0001-01-01T00:00+14:00", "\x1b[2J"]),
        ("dlq", "nosuch", [""]),
        ("nosuch", "", [""]),
    ],
)
def test_argument_that_is_not_valid_is_one_line(
    run: Run,
    command: str,
    option: str,
    values: Sequence[str],
    capsys: pytest.CaptureFixture[str],
):
    for value in values:
        with pytest.raises(SystemExit) as ended:
            run(*command.split(), f"{option}={value}")

        said = capsys.readouterr()
        assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1), said.err
        assert option in said.err
        assert said.err.strip().isprintable()


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("order list --state placed --state confirmed", "--state"),
        ("order list --customer ann --older-than 5 --customer bob", "--customer"),
        ("order list --older-than 5 --older-than 9", "--older-than"),
        ("dlq redrive --all --match a --match b --yes", "--match"),
        ("dlq list --env dev --env prod", "--env"),
        ("dlq redrive --all --yes --match=", "--match"),
        ("order list --customer=", "--customer"),
        ("saga resume --reason=", "--reason"),
        ("saga repair --yes ", "ORDER"),
        ("dlq show ", "QUEUE"),
    ],
)
def test_option_that_is_repeated_or_empty_is_refused(
    run: Run, command: str, option: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        run(*command.split(" "))

    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert said.startswith(f"argument {option}: ")


@pytest.mark.parametrize(
    "problem",
    [
        OSError(28, "No space left on device"),
        OperationError("there is no stack Orders-Dev-… in eu-west-1"),
        ClientError({"Error": {"Code": "AccessDenied", "Message": "you may not"}}, "GetTemplate"),
        ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "DescribeStacks"),
        EndpointConnectionError(endpoint_url="https://127.0.0.1:1"),
    ],
)
def test_missing_prerequisite_is_one_line(run: Run, problem: Exception):
    code, out, err = run("dlq", "list", problem=problem)

    assert (code, out, err) == (2, "", f"{problem}\n")


def test_interruption_has_its_own_exit_code(run: Run):
    code, _, err = run("dlq", "list", problem=KeyboardInterrupt())

    assert code == 130
    assert err.startswith("interrupted: ")


@pytest.fixture
def endings() -> Iterator[tuple[int, ...]]:
    """The signals that end the command. Where tests run under nohup, SIGHUP is ignored."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in main.ENDINGS}
    yield main.ENDINGS
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_command_as_ctrl_c_does(
    number: int, endings: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
):
    """Another one meanwhile, as when a terminal closes, does not cut off what it tidies up."""
    tidied_up: list[bool] = []

    def interrupted(_: str) -> None:
        try:
            signal.raise_signal(number)
        finally:
            for another in endings:
                signal.raise_signal(another)
            tidied_up.append(True)

    monkeypatch.setattr(main, "deployed", interrupted)
    monkeypatch.setattr("sys.argv", ["ops", "dlq", "list"])
    with pytest.raises(SystemExit) as ended:
        main.main()

    assert tidied_up
    assert ended.value.code == 128 + number
