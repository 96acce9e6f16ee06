"""Rebuild views from the archive, compare them with the live ones, and switch to them.

Without --yes, it does all but the switch. It does not switch to a view that differs, unless
--despite-differences is given. Views that are made of orders' events share one replay.

Ends with 0 when the views are equal or may differ, and with 1 when one differs. If nothing reads
the order stream for one, so that it falls behind at once, it says so at the end, and ends with 2.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_json_option, add_yes_option, whole_number
from ops.deployed import Deployed, OperationError, named
from ops.mappings import mappings_of
from ops.output import print_json
from ops.terminal import Terminal
from ops.views.rebuild import COMPARE_TIMEOUT, OVERLAP, Rebuild
from ops.views.registry import VIEWS, View
from ops.views.sources import OrderEventSource


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("view", choices=VIEWS, metavar="VIEW", nargs="+", help=", ".join(VIEWS))
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
    """Rebuild the views, and switch to those that are equal, or may differ."""
    despite = arguments.despite_differences
    rebuilds = [
        Rebuild(
            deployed=deployed,
            views=views,
            progress=(lambda _: None) if arguments.json else terminal.say,
            named=len(set(arguments.view)) > 1,
            overlap=timedelta(minutes=arguments.overlap),
            compare_timeout=timedelta(seconds=arguments.compare_timeout),
        )
        for views in _with_one_source(arguments.view)
    ]
    unread = find_unread(deployed, arguments.view)
    try:
        for rebuild in rebuilds:
            rebuild.run(switch=arguments.yes, ignore_differences=despite)
    finally:
        # One that is interrupted, or fails, may have switched to others before.
        if arguments.json:
            print_json([each for rebuild in rebuilds for each in as_json(rebuild)])
    equal = [each for rebuild in rebuilds for each in rebuild.equal.values()]
    if not arguments.json and not arguments.yes and (despite or any(equal)):
        terminal.say("compared only: to switch, add --yes")
    if unread:
        raise OperationError("; ".join(unread))
    return DONE if despite or all(equal) else NEEDS_ATTENTION


def find_unread(deployed: Deployed, names: Sequence[str]) -> Sequence[str]:
    """Return a line for each view of the order stream that its function does not keep up to date.

    A rebuild of such a view has all events until its end, and none after it.
    """
    of_stream = {VIEWS[each].name: each for each in names if VIEWS[each].source is OrderEventSource}
    if not of_stream:
        return ()
    templates, lambda_ = deployed.templates(), deployed.client("lambda")
    lines = []
    for view, name in of_stream.items():
        mappings = mappings_of(lambda_, named(templates, f"storefront/Update{view}").physical)
        if not mappings.read:
            lines.append(f"{name} falls behind: the mapping of Update{view} is {mappings}")
    return lines


def as_json(rebuild: Rebuild) -> list[dict[str, Any]]:
    """Return the result of each view that was compared, for scripts."""
    return [
        {"view": view, "equal": same, "switched": view in rebuild.switched}
        for view, same in rebuild.equal.items()
    ]


def _with_one_source(names: Sequence[str]) -> Sequence[Mapping[str, View]]:
    """Return the views in groups; one rebuild can make those of a group."""
    groups: dict[object, dict[str, View]] = {}
    for name in names:
        groups.setdefault(VIEWS[name].source, {})[name] = VIEWS[name]
    return [*groups.values()]
