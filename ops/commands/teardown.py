"""Make an environment ready to be destroyed; `make destroy` runs it first.

Buckets that are deleted with their stacks are emptied, because CloudFormation does not delete a
bucket with objects. Stacks that are deployed and no longer configured are deleted, because
`cdk destroy` does not know them.
What the environment keeps is left as it is (`python -m ops retained`).

Without --yes, it only says what it would do. With --ask, it then asks whether to do it.

Ends with 0 when the environment may be destroyed, and with 1 when the answer was no.
"""

import sys
from argparse import ArgumentParser, Namespace

from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_templates_option, add_yes_option
from ops.deployed import Deployed, OperationError
from ops.environment.leftovers import find_leftover_stacks
from ops.environment.synthesized import read_synthesized_templates
from ops.environment.teardown import TeardownPlan, delete_stacks, empty_bucket, plan_teardown
from ops.output import print_lines
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_yes_option(parser)
    parser.add_argument("--ask", action="store_true", help="ask, and do it after a yes")
    add_templates_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Print what would be done; do it if the options or the answer allow it.

    Raises:
        OperationError: it should ask and there is no terminal, or S3 kept an object.
    """
    wanted = read_synthesized_templates(arguments.templates, deployed.environment)
    there = deployed.all_templates()
    plan = plan_teardown(there, find_leftover_stacks(wanted, there.by_stack))
    print_lines(_describe(plan))
    if not arguments.yes:
        if not arguments.ask:
            return DONE
        if not _agreed(deployed.environment):
            return NEEDS_ATTENTION
    s3 = deployed.client("s3")
    for bucket in plan.buckets:
        terminal.say(f"emptying {bucket.name}: {empty_bucket(s3, bucket.physical)} objects deleted")
    delete_stacks(deployed.client("cloudformation"), plan.leftover_stacks, terminal.say)
    return DONE


def _describe(plan: TeardownPlan) -> list[str]:
    return [
        *(f"empty the bucket {each.name} ({each.physical})" for each in plan.buckets),
        *(f"delete the stack {name}: it is no longer configured" for name in plan.leftover_stacks),
        f"keep {len(plan.kept)} resources, and their bill: python -m ops retained lists them"
        if plan.kept
        else "keep nothing",
    ]


def _agreed(environment: str) -> bool:
    if not sys.stdin.isatty():
        raise OperationError("nobody is there to ask: say it with --yes (make destroy YES=1)")
    return input(f"Destroy {environment}? Type its name: ") == environment
