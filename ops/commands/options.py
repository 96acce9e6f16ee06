"""Options that several commands share."""

from argparse import ArgumentParser
from pathlib import Path

DEFAULT_PER_SECOND = 20.0


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
        type=float,
        default=DEFAULT_PER_SECOND,
        metavar="N",
        help="redrive at most N messages a second (default: %(default)g)",
    )
    add_json_option(parser)
