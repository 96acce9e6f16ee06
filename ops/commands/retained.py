"""List the resources that stay when an environment is destroyed, and those that stayed before.

WHEN is "later" for what its stack keeps when it is deleted, and "already" for what is in no stack
any more: its stack was deleted or rolled back, or no longer declares it. CloudFormation remembers
that for 90 days. Everything listed is billed. The next deployment makes new resources, but for the
bus and its archive: their names are taken, and `make deploy IMPORT=1` takes both over as they are.

Ends with 0 when nothing is kept already, and with 1 when something is.
"""

from argparse import ArgumentParser, Namespace

from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_json_option
from ops.deployed import Deployed
from ops.environment.retained import as_row, find_kept, find_to_be_kept
from ops.output import format_summary, print_json, print_text
from ops.terminal import Terminal
from stacks.names import stack_name


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Print what will be kept, and what was kept."""
    templates = deployed.all_templates()
    later = [as_row(each) for each in find_to_be_kept(templates)]
    already = [as_row(each) for each in find_kept(deployed, templates)]
    if arguments.json:
        print_json({"later": later, "already": already})
    else:
        rows = [("later", row) for row in later] + [("already", row) for row in already]
        text = format_summary(
            ("WHEN", "STACK", "TYPE", "NAME"),
            [(when, row["stack"], row["type"], row["name"]) for when, row in rows],
            f"{len(later)} will be kept, {len(already)} were kept already, of"
            f" {stack_name(deployed.environment, '')}… in {deployed.session.region_name}",
        )
        print_text(text)
    return NEEDS_ATTENTION if already else DONE
