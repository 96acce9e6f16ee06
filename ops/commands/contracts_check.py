"""Check that what is deployed can read the events that the synthesized stacks publish.

Nothing is changed. `make deploy` runs it before it deploys. A new version of an event is published
only where every stack reads it already: CloudFormation deploys one stack after the other, and both
the old and the new ones run meanwhile. Stacks say what they read and publish in their outputs
ContractsRead and ContractsPublished.

Ends with 0 when all is read, or nothing is deployed, and with 2 when a stack would be deaf.
"""

from argparse import ArgumentParser, Namespace

from ops.commands import DONE
from ops.commands.options import add_templates_option
from ops.contracts import describe_contracts, find_unread, read_deployed, read_synthesized
from ops.deployed import Deployed, OperationError
from ops.output import print_text
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_templates_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Compare both sides, and print what was compared.

    Raises:
        OperationError: naming each stack, event and version that would not be read.
    """
    wanted = read_synthesized(arguments.templates, deployed.environment)
    there = read_deployed(deployed)
    if unread := find_unread(wanted, there):
        raise OperationError("; ".join(unread))
    print_text(describe_contracts(wanted, there))
    return DONE
