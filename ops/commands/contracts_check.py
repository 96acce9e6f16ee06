"""Check that the deployed stacks can read the events that the synthesized stacks publish.

Nothing is changed. `make deploy` runs it before it deploys. A new version of an event is published
only where every stack reads it already: CloudFormation deploys one stack after the other, and both
the old and the new ones run meanwhile. Stacks say what they read and publish in their outputs
ContractsRead and ContractsPublished.

Ends with 0 when each stack can read its events, or nothing is deployed, and with 2 when one cannot.
"""

from argparse import ArgumentParser, Namespace

from ops.commands import DONE, FAILED
from ops.commands.options import add_templates_option
from ops.contracts import describe_contracts, find_unread, read_deployed, read_synthesized
from ops.deployed import Deployed
from ops.output import print_text
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_templates_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Compare both. Print what was compared, or each version that a stack could not read."""
    wanted = read_synthesized(arguments.templates, deployed.environment)
    there = read_deployed(deployed)
    if unread := find_unread(wanted, there):
        print_text("\n".join(unread))
        return FAILED
    print_text(describe_contracts(wanted, there))
    return DONE
