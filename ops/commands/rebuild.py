"""Make a view afresh from the archive, prove it equal, and switch to it.

Ends with 0 when the views are equal and switched, with 1 when they differ and nothing was.
"""

from argparse import ArgumentParser, Namespace
from datetime import timedelta

from ops.commands import DONE, OPEN
from ops.deployed import Deployed
from ops.terminal import Terminal
from ops.views.rebuild import COMPARE_TIMEOUT, OVERLAP, Rebuild
from ops.views.registry import VIEWS


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("view", choices=VIEWS, metavar="VIEW", help=", ".join(VIEWS))
    parser.add_argument(
        "--only-compare", action="store_true", help="do not switch, even if the views are equal"
    )
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


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Rebuild, and switch if the views are equal."""
    rebuild = Rebuild(
        deployed=deployed,
        view=VIEWS[arguments.view],
        progress=terminal.say,
        overlap=timedelta(minutes=arguments.overlap),
        compare_timeout=timedelta(seconds=arguments.compare_timeout),
    )
    equal = rebuild.run(
        switch=not arguments.only_compare, ignore_differences=arguments.despite_differences
    )
    return DONE if equal else OPEN
