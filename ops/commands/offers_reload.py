"""Write the catalogue's offers into orders' own view of them, where they differ.

Use it when orders refuses prices that are on offer, and no dead letter explains it. Each SKU is
written by itself, in place; events that come meanwhile are never overwritten by older offers.
Without --yes, it only says which SKUs differ. A SKU that has just changed may differ because its
event is still on its way.

Ends with 0 when no SKU differs, or all are written, and with 1 when some differ or cannot be read.
"""

from argparse import ArgumentParser, Namespace
from typing import Any

from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_json_option, add_yes_option
from ops.deployed import Deployed
from ops.output import print_json, print_lines
from ops.terminal import Terminal
from ops.views.offers import OffersView


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_yes_option(parser, help="write them")
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Print the SKUs whose offers differ, and write them with --yes."""
    view, found = OffersView(deployed), list[dict[str, Any]]()
    try:
        for each in view.differing():
            written = arguments.yes and view.write(each)
            sku, sequence = each.offers.sku, each.offers.sequence
            known = "nothing" if each.stored is None else f"change {each.stored}"
            found.append({"sku": sku, "sequence": sequence, "known": known, "written": written})
            if not arguments.json:
                done = "written" if written else "newer by now" if arguments.yes else "differs"
                change = f"change {sequence} of the catalogue, orders knew {known}"
                print_lines([f"{done}: {sku}: {change}"])
    finally:
        # One that is interrupted, or fails, has written some.
        if arguments.json:
            print_json({"differing": found, "unreadable": view.unreadable})
    if not arguments.json and not found:
        print_lines(["equal: orders knows all offers of the catalogue"])
    if view.unreadable and not arguments.json:
        terminal.say(f"skipped: {view.unreadable:,} rows of the catalogue that cannot be read")
    left = view.unreadable or (found and not arguments.yes)
    return NEEDS_ATTENTION if left else DONE
