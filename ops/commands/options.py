"""Options that several commands share."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

DEFAULT_PER_SECOND = 20.0
MAX_NUMBER = 1_000_000_000
"""The largest number in an option: that many minutes are still a time in the calendar."""


def add_yes_option(parser: ArgumentParser, *, help: str = "do it") -> None:
    """Declare ``--yes``. Without it, a command changes nothing."""
    parser.add_argument("--yes", action="store_true", help=help)


def add_json_option(parser: ArgumentParser) -> None:
    """Declare ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def add_templates_option(parser: ArgumentParser) -> None:
    """Declare ``--templates``."""
    parser.add_argument(
        "--templates",
        type=Path,
        default=Path("cdk.out"),
        metavar="FOLDER",
        help="where `cdk synth` wrote the templates (default: %(default)s)",
    )


def add_redrive_options(parser: ArgumentParser) -> None:
    """Declare the options of ``ops.dlq.runner.redrive_sinks``."""
    add_yes_option(parser)
    parser.add_argument(
        "--per-second",
        type=above_0,
        default=DEFAULT_PER_SECOND,
        metavar="N",
        help="at most N a second (default: %(default)g)",
    )
    add_json_option(parser)


def above_0(text: str) -> float:
    """Return an option's number, which may have a fraction."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= MAX_NUMBER:
        raise ArgumentTypeError(f"wants a number above 0, up to {MAX_NUMBER:,}")
    return number


def whole_number(least: int, most: int = MAX_NUMBER) -> Callable[[str], int]:
    """Return the type of an option that is a whole number in these bounds."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text[: len(str(most)) + 1]) <= most:
            raise ArgumentTypeError(f"wants a whole number from {least} to {most:,}")
        return int(text)

    return parse
