"""`python -m ops rebuild VIEW`: what an operator does to the platform, wherever it is deployed.

Credentials and region are found as by every tool of AWS; AWS_ENDPOINT_URL leads to a local cloud.
"""

import argparse
import signal
import sys
import time
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError

from ops.deployed import OperationError, deployed
from ops.rebuild import OVERLAP, PATIENCE, Rebuild
from ops.views import VIEWS

EQUAL, DIFFERENT, FAILED, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    """Run the command: 0, the views are equal; 1, they are not; 2, it could not be done."""
    # An ending that is asked for ends the replay as well.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    arguments = _arguments()
    terminal = Terminal()
    try:
        rebuild = Rebuild(
            deployed=deployed(arguments.env),
            view=VIEWS[arguments.view],
            progress=terminal.say,
            overlap=timedelta(minutes=arguments.overlap),
            patience=timedelta(seconds=arguments.patience),
        )
        equal = rebuild.run(
            switch=not arguments.only_compare, despite=arguments.despite_differences
        )
    except (OperationError, ClientError, BotoCoreError) as error:
        terminal.end()
        sys.stderr.write(f"{error}\n")
        return FAILED
    except KeyboardInterrupt:
        terminal.end()
        sys.stderr.write("interrupted: nothing was switched unless it says so; run it again\n")
        return INTERRUPTED
    terminal.end()
    return EQUAL if equal else DIFFERENT


class Terminal:
    """Shows progress: on a terminal on one line for each step, elsewhere as lines, not too many."""

    def __init__(self) -> None:
        self._tty = sys.stdout.isatty()
        self._step = ""
        self._said = 0.0
        self._kept = ""

    def say(self, line: str) -> None:
        """Show how far a step is; its name is what stands before the colon."""
        step = line.partition(":")[0]
        if self._tty:
            sys.stdout.write(f"\n{line}" if step != self._step else f"\r\033[K{line}")
        elif step != self._step or time.monotonic() - self._said >= 10:
            if step != self._step:
                self._keep()
            sys.stdout.write(f"{line}\n")
            self._said, self._kept = time.monotonic(), ""
        else:
            self._kept = line
        self._step = step
        sys.stdout.flush()

    def end(self) -> None:
        """Show what was held back of the last step."""
        if self._tty:
            sys.stdout.write("\n")
        self._keep()
        sys.stdout.flush()

    def _keep(self) -> None:
        if self._kept:
            sys.stdout.write(f"{self._kept}\n")
            self._kept = ""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    rebuild = commands.add_parser(
        "rebuild", help="make a view afresh from the archive, prove it equal, and switch to it"
    )
    rebuild.add_argument("view", choices=VIEWS, metavar="VIEW", help=", ".join(VIEWS))
    rebuild.add_argument("--env", default="dev", metavar="NAME", help="dev (default) or prod")
    rebuild.add_argument(
        "--only-compare", action="store_true", help="do not switch, even if the views are equal"
    )
    rebuild.add_argument(
        "--despite-differences",
        action="store_true",
        help="switch also if the views differ, as they have to after a projection was mended",
    )
    rebuild.add_argument(
        "--overlap",
        type=int,
        default=OVERLAP // timedelta(minutes=1),
        metavar="MINUTES",
        help="how much of the latest past is taken from the stream (default: %(default)s)",
    )
    rebuild.add_argument(
        "--patience",
        type=int,
        default=PATIENCE // timedelta(seconds=1),
        metavar="SECONDS",
        help="for how long items that differ are looked at again (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
