"""Use the deployed platform as a customer and as an operator, and report whether it works.

It signs in, puts the product SMOKE-TEST on offer, has an order rejected, one cancelled and one
dispatched, compares the views, and redrives a dead letter. Then it removes what it can: the
offer, the user, open orders. Ended orders, their charges on the simulated card and their events
stay as long as those of customers. An order is dispatched only where a worker runs.

In an account it then lists the alarms whose metric has no data. On the first day many have none:
an unused queue or function has no metrics.

Ends with 0 when all of it works, and with 1 at the first step that does not. Metrics without data
do not count.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import whole_number
from ops.deployed import Deployed
from ops.output import print_lines
from ops.smoke.alarms import unseen_metrics
from ops.smoke.orders import SmokeError
from ops.smoke.run import SmokeTest
from ops.terminal import Terminal

WAIT_SECONDS = 1_200
"""In `dev` the warehouse starts from no instance, which may take a quarter of an hour."""


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--wait",
        type=whole_number(0),
        default=WAIT_SECONDS,
        metavar="SECONDS",
        help="how long a step may take (default: %(default)g)",
    )


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Run the steps until one fails, and clean up."""
    test = SmokeTest(deployed=deployed, wait_seconds=arguments.wait)
    try:
        for what, step in test.steps():
            began = time.monotonic()
            try:
                step()
            except (SmokeError, LookupError, OSError) as error:
                print_lines([f"FAILED  {what}: {error}"])
                return NEEDS_ATTENTION
            print_lines([f"works   {what} ({time.monotonic() - began:.1f} s)"])
        print_lines(_alarms(deployed))
        return DONE
    finally:
        for line in test.clean_up():
            print_lines([f"left    {line}"])


def _alarms(deployed: Deployed) -> Iterator[str]:
    if deployed.is_local:
        yield "later   whether alarms watch metrics that exist: only an account can show it"
        return
    unseen = list(unseen_metrics(deployed))
    yield from (f"no data {line}" for line in unseen)
    if not unseen:
        yield "works   every alarm's metrics have data"
