"""`python -m ops NOUN VERB`: what an operator does to the platform, wherever it is deployed.

Credentials and region are found as by every tool of AWS; AWS_ENDPOINT_URL leads to a local cloud.

It ends with 0 when all is well, 1 when something is left for a person, 2 when it could not be
done, for which a line says why, and 130 when it was interrupted: run it again.
"""

import argparse
import signal
import sys
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from ops.commands import (
    FAILED,
    INTERRUPTED,
    Command,
    dlq_list,
    dlq_redrive,
    dlq_show,
    events_replay,
    order_release_hold,
    order_show,
    saga_repair,
    view_rebuild,
)
from ops.deployed import OperationError, deployed
from ops.terminal import Terminal

COMMANDS: Mapping[str, Mapping[str, Command]] = {
    "dlq": {"list": dlq_list, "show": dlq_show, "redrive": dlq_redrive},
    "order": {"show": order_show, "release-hold": order_release_hold},
    "saga": {"repair": saga_repair},
    "events": {"replay": events_replay},
    "view": {"rebuild": view_rebuild},
}


def main() -> int:
    """Run the command of which the arguments tell; returns how it ended."""
    # An ending that is asked for puts away what was borrowed, as an interruption does.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    arguments = _arguments()
    terminal = Terminal()
    try:
        return COMMANDS[arguments.noun][arguments.verb].run(
            arguments, deployed(arguments.env), terminal
        )
    except (OperationError, ClientError, BotoCoreError) as error:
        terminal.end()
        sys.stderr.write(f"{error}\n")
        return FAILED
    except KeyboardInterrupt:
        terminal.end()
        sys.stderr.write("interrupted: what was done is what was said; run it again\n")
        return INTERRUPTED
    finally:
        terminal.end()


def _arguments() -> argparse.Namespace:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m ops", description=__doc__, formatter_class=style)
    nouns = parser.add_subparsers(dest="noun", required=True, metavar="NOUN")
    for noun, commands in COMMANDS.items():
        group = nouns.add_parser(noun, help=", ".join(commands))
        verbs = group.add_subparsers(dest="verb", required=True, metavar="VERB")
        for verb, command in commands.items():
            described = command.__doc__ or ""
            declared = verbs.add_parser(
                verb,
                help=described.partition("\n")[0],
                description=described,
                formatter_class=style,
            )
            declared.add_argument(
                "--env", default="dev", metavar="NAME", help="dev (default) or prod"
            )
            command.arguments(declared)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
