"""Rebuild a view from the archive, compare it with the live one, and switch to it.

Without --yes, it does everything but switch. It never switches to a view that differs, unless
--despite-differences says so.

Ends with 0 when the views are equal, or may differ, with 1 when they differ.
"""

from argparse import ArgumentParser, Namespace
from datetime import timedelta

from ops.commands import DONE, OPEN
from ops.deployed import Deployed
from ops.output import print_json
from ops.terminal import Terminal
from ops.views.rebuild import COMPARE_TIMEOUT, OVERLAP, Rebuild
from ops.views.registry import VIEWS


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("view", choices=VIEWS, metavar="VIEW", help=", ".join(VIEWS))
    parser.add_argument(
        "--despite-differences",
        action="store_true",
        help="switch also if the views differ, as they have to after a projection was mended",
    )
    parser.add_argument(
        "--overlap",
        type=int,
        default=OVERLAP // timedelta(minutes=1),
        metavar="MINUTES",
        help="how much of the latest past is taken from the stream (default: %(default)s)",
    )
    parser.add_argument(
        "--compare-timeout",
        type=int,
        default=COMPARE_TIMEOUT // timedelta(seconds=1),
        metavar="SECONDS",
        help="for how long items that differ are looked at again (default: %(default)s)",
    )
    parser.add_argument("--yes", action="store_true", help="switch")
    parser.add_argument("--json", action="store_true", help="for scripts")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Rebuild, and switch if the views are equal."""
    rebuild = Rebuild(
        deployed=deployed,
        view=VIEWS[arguments.view],
        progress=(lambda _: None) if arguments.json else terminal.say,
        overlap=timedelta(minutes=arguments.overlap),
        compare_timeout=timedelta(seconds=arguments.compare_timeout),
    )
    despite = arguments.despite_differences
    equal = rebuild.run(switch=arguments.yes, ignore_differences=despite)
    good = equal or despite
    if arguments.json:
        switched = arguments.yes and good
        print_json({"view": arguments.view, "equal": equal, "switched": switched})
    elif good and not arguments.yes:
        terminal.say("compared only: to switch to it, add --yes")
    return DONE if good else OPEN
