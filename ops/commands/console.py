"""Show the platform in a browser: the map, orders, dead letters, views, alarms, costs.

The printed address has a key, which is valid for this run only. Nobody else can use the console:
it listens on this machine only. It acts with your own rights. Against an account it only reads;
with --write, it also redrives, repairs, purges and rebuilds, each after a dry run. A local cloud
needs no --write.
"""

from argparse import ArgumentParser, Namespace

from ops.commands import DONE
from ops.commands.options import whole_number
from ops.deployed import Deployed, OperationError
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--port",
        type=whole_number(1, 65_535),
        metavar="N",
        help="a port (default: any free one)",
    )
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.add_argument(
        "--write",
        action="store_true",
        help="allow redrives, repairs, purges and rebuilds in an account",
    )


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Serve the console until it is interrupted."""
    # Imported here: no other command needs a web server, or should wait for its import.
    try:
        from ops.console.live_counts import SECONDS_LOCAL, SECONDS_REMOTE, LiveCounts
        from ops.console.page import Console
        from ops.console.rebuilds import Rebuilds
        from ops.console.remembered import RememberedDeployed
        from ops.console.serve import serve
        from ops.console.uses import passed, read_uses
    except ModuleNotFoundError as error:
        raise OperationError(f"the console needs {error.name}: run make setup") from error
    remembered = RememberedDeployed(session=deployed.session, environment=deployed.environment)
    remembered.templates()
    is_local = remembered.is_local
    console = Console(
        deployed=remembered,
        may_write=arguments.write or is_local,
        is_local=is_local,
        counts=LiveCounts(
            remembered,
            SECONDS_LOCAL if is_local else SECONDS_REMOTE,
            passed=(lambda: passed(read_uses(remembered), remembered)) if is_local else dict,
        ),
        rebuilds=Rebuilds(remembered.environment, ended=remembered.forget),
    )
    serve(console, port=arguments.port, open_browser=arguments.open)
    return DONE
