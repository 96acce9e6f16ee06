"""`python -m ops NOUN [VERB]`: operate the platform, in an account or in the local cloud.

`python -m ops console` shows it in a browser.

Credentials and Region come from the usual settings of AWS's tools. Set AWS_ENDPOINT_URL to use a
local cloud.

Exit codes: 0, all is well; 1, something is left for an operator to do; 2, the command failed, and
one line says why; 130, or 128 and another signal's number, it was interrupted and may be run again.
"""

import signal
import sys
import traceback
from importlib.util import find_spec

# Until there is something to tidy up, Ctrl-C ends the process without a traceback.
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
# Before any import that an older Python could not parse, or that needs these packages.
if sys.version_info < (3, 11) or not all(map(find_spec, ("boto3", "botocore", "pg8000"))):
    sys.stderr.write(
        "Python 3.11 or later and packages are needed: run make setup, and use .venv/bin/python\n"
    )
    sys.exit(2)

import argparse
import os
from collections.abc import Mapping
from contextlib import suppress
from io import TextIOWrapper, UnsupportedOperation
from typing import Any, NoReturn, TextIO

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from ops.commands import (
    FAILED,
    INTERRUPTED,
    Command,
    console,
    contracts_check,
    customer_erase,
    dlq_list,
    dlq_purge,
    dlq_redrive,
    dlq_show,
    events_replay,
    offers_reload,
    order_list,
    order_release_hold,
    order_show,
    preflight,
    retained,
    saga_repair,
    saga_resume,
    smoke,
    teardown,
    view_rebuild,
)
from ops.deployed import OperationError, deployed
from ops.output import one_line, open_closed_outputs, printable, with_notes
from ops.terminal import Terminal

INTERRUPTION = "interrupted: what was printed is done, and the next may be; it may be run again"
COMMANDS: Mapping[str, Mapping[str, Command] | Command] = {
    "console": console,
    "contracts": {"check": contracts_check},
    "dlq": {"list": dlq_list, "show": dlq_show, "redrive": dlq_redrive, "purge": dlq_purge},
    "order": {"list": order_list, "show": order_show, "release-hold": order_release_hold},
    "customer": {"erase": customer_erase},
    "saga": {"repair": saga_repair, "resume": saga_resume},
    "events": {"replay": events_replay},
    "offers": {"reload": offers_reload},
    "view": {"rebuild": view_rebuild},
    "preflight": preflight,
    "retained": retained,
    "smoke": smoke,
    "teardown": teardown,
}
"""By noun and verb; what concerns an environment as a whole has no noun."""
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""The signals that end a command as Ctrl-C does."""


class StoreOnce(argparse.Action):
    """Stores a value. One that is empty, as an unset variable is, or a second one, is refused."""

    _is_given = False

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the value."""
        if values == "":
            raise argparse.ArgumentError(self, "is empty")
        if self._is_given and self.option_strings:
            raise argparse.ArgumentError(self, "may be given once")
        self._is_given = True
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        for name in (None, "store"):
            self.register("action", name, StoreOnce)

    def print_help(self, file: Any = None) -> None:
        """Print the help. If that fails, raise an OSError, which argparse would not."""
        sys.stdout.write(self.format_help())
        sys.stdout.flush()

    def error(self, message: str) -> NoReturn:
        """End the command, and say what is wrong with its arguments."""
        self.exit(FAILED, f"{printable(' '.join(message.split()))}: see {self.prog} --help\n")


def main() -> int:
    """Run the command that the arguments name, and return its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # They end the command like Ctrl-C: leased messages are returned.
    for ending in ENDINGS:
        # If SIGHUP is ignored already, as under nohup, it stays ignored.
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, _end_once)
    open_closed_outputs()
    if isinstance(sys.stdout, TextIOWrapper):
        # Not every locale has all characters of texts and helps.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        arguments = _arguments()
    except OSError as error:
        return _end_unwritten(error)
    terminal = Terminal()
    try:
        return _run(arguments, terminal)
    except (OperationError, ClientError, BotoCoreError) as error:
        _end(terminal)
        _say(str(error), error)
        return FAILED
    except ResponseParserError as error:
        _end(terminal)
        # It ends with what was answered, such as the page of a proxy.
        text = one_line(str(error))
        _say(f"the endpoint does not answer as AWS does: {text}", error)
        return FAILED
    except KeyboardInterrupt as error:
        _end(terminal)
        _say(INTERRUPTION, error)
        return INTERRUPTED
    except SystemExit as error:
        # SIGTERM or SIGHUP. After the latter, the terminal is closed.
        _end(terminal)
        _say(INTERRUPTION, error)
        raise
    except OSError as error:
        return _end_unwritten(error)
    except Exception:  # noqa: BLE001 -- Python's own code for it is 1: something is left to do
        _end(terminal)
        _write_error(printable(traceback.format_exc(), keep="\n"))
        return FAILED
    finally:
        _end(terminal)


def _end_once(number: int, _: object) -> NoReturn:
    """End the command, and let no second signal cut off what it tidies up; Ctrl-C still does.

    If a terminal closes, both the kernel and its shell send SIGHUP.
    """
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    sys.exit(128 + number)


def _say(why: str, error: BaseException) -> None:
    """Write in one line why the command ends, and what the error's notes say of what is left."""
    if line := with_notes(why, error):
        _write_error(f"{printable(line)}\n")


def _write_error(text: str) -> None:
    """Write to standard error. If that takes no more, the exit code still says what happened."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def _end_unwritten(error: OSError) -> int:
    """Say that the output takes no more, unless its reader closed it; return the exit code."""
    _discard(sys.stdout)
    if isinstance(error, BrokenPipeError):
        # The reader, such as `head`, has closed it.
        _say("", error)
        return 128 + signal.SIGPIPE
    _say(str(error), error)
    return FAILED


def _end(terminal: Terminal) -> None:
    """End the progress. What cannot be written must not hide why the command ends."""
    try:
        terminal.end()
    except OSError:
        _discard(sys.stdout)


def _discard(stream: TextIO) -> None:
    """Discard what Python flushes at exit, when a stream takes no more."""
    with suppress(UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    command: Command = arguments.command
    code = command.run(arguments, deployed(arguments.env), terminal)
    # Flushed here, so that a broken pipe raises here and not while Python exits.
    sys.stdout.flush()
    return code


def _arguments() -> argparse.Namespace:
    style = argparse.RawDescriptionHelpFormatter
    parser = Parser("python -m ops", description=__doc__, formatter_class=style)
    nouns = parser.add_subparsers(required=True, metavar="NOUN")
    for noun, commands in COMMANDS.items():
        if not isinstance(commands, Mapping):
            _declare(nouns, noun, commands)
            continue
        group = nouns.add_parser(noun, help=", ".join(commands))
        verbs = group.add_subparsers(dest="verb", required=True, metavar="VERB")
        for verb, command in commands.items():
            _declare(verbs, verb, command)
    arguments, unknown = parser.parse_known_args()
    if unknown:
        # Said here, because argparse would name the help of all commands.
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return arguments


def _declare(group: Any, name: str, command: Command) -> None:
    """Add a command to a group of argparse's subparsers."""
    description = command.__doc__ or ""
    declared = group.add_parser(
        name,
        help=description.partition("\n")[0],
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    declared.add_argument("--env", default="dev", metavar="NAME", help="dev (default) or prod")
    declared.set_defaults(command=command, parser=declared)
    command.arguments(declared)


def _leave_signals() -> None:
    """Let signals end the process at once: from here on, there is nothing to tidy up."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, signal.SIG_DFL)


if __name__ == "__main__":
    ended = main()
    _leave_signals()
    sys.exit(ended)
