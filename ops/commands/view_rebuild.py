"""Rebuild a view from the archive, compare it with the live one, and switch to it.

Without --yes, it does all but the switch. It does not switch to a view that differs, unless
--despite-differences is given.

Ends with 0 when the views are equal or may differ, and with 1 when they differ.
"""

from argparse import ArgumentParser, Namespace
from datetime import timedelta

from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_json_option, add_yes_option, whole_number
from ops.deployed import Deployed
from ops.output import print_json
from ops.terminal import Terminal
from ops.views.rebuild import COMPARE_TIMEOUT, OVERLAP, Rebuild
from ops.views.registry import VIEWS


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("view", choices=VIEWS, metavar="VIEW", help=", ".join(VIEWS))
    parser.add_argument(
        "--despite-differences",
        action="store_true",
        help="switch although the views differ, as they do after a projection was corrected",
    )
    parser.add_argument(
        "--overlap",
        type=whole_number(0),
        default=OVERLAP // timedelta(minutes=1),
        metavar="MINUTES",
        help="how far back the order stream is read (default: %(default)s)",
    )
    parser.add_argument(
        "--compare-timeout",
        type=whole_number(0),
        default=COMPARE_TIMEOUT // timedelta(seconds=1),
        metavar="SECONDS",
        help="how long items that differ are compared again (default: %(default)s)",
    )
    add_yes_option(parser, help="switch")
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Rebuild the view, and switch to it if both are equal, or may differ."""
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
    return DONE if good else NEEDS_ATTENTION
