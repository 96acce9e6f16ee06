"""`python -m ops NOUN [VERB]`: operate the platform, in an account or in the local cloud.

`python -m ops console` shows it in a browser.

Credentials and Region come from the usual settings of AWS's tools. Set AWS_ENDPOINT_URL to use a
local cloud.

Exit codes: 0, all is well; 1, something is left for an operator to do; 2, the command failed, and
one line says why; 130, it was interrupted and may be run again.
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

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
from ops.output import printable
from ops.terminal import Terminal

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


def main() -> int:
    """Run the command that the arguments name, and return its exit code."""
    # SIGTERM ends the command like Ctrl-C: leased messages are returned.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    arguments = _arguments()
    terminal = Terminal()
    try:
        return _run(arguments, terminal)
    except (OperationError, ClientError, BotoCoreError) as error:
        terminal.end()
        sys.stderr.write(f"{printable(' '.join(str(error).split()))}\n")
        return FAILED
    except KeyboardInterrupt:
        terminal.end()
        sys.stderr.write("interrupted: what was printed is what was done; it may be run again\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output, such as `head`, has closed it. Python flushes again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    finally:
        terminal.end()


def _run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    command: Command = arguments.command
    code = command.run(arguments, deployed(arguments.env), terminal)
    # Flushed here, so that a broken pipe raises here and not while Python exits.
    sys.stdout.flush()
    return code


def _arguments() -> argparse.Namespace:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m ops", description=__doc__, formatter_class=style)
    nouns = parser.add_subparsers(required=True, metavar="NOUN")
    for noun, commands in COMMANDS.items():
        if not isinstance(commands, Mapping):
            _declare(nouns, noun, commands)
            continue
        group = nouns.add_parser(noun, help=", ".join(commands))
        verbs = group.add_subparsers(dest="verb", required=True, metavar="VERB")
        for verb, command in commands.items():
            _declare(verbs, verb, command)
    return parser.parse_args()


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
    declared.set_defaults(command=command)
    command.arguments(declared)


if __name__ == "__main__":
    sys.exit(main())
