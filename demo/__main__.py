"""`python -m demo run`, `up` and `chaos`."""

import signal
import sys

# Until there is something to tidy up, Ctrl-C ends the process without a traceback.
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
# Before any import that an older Python could not parse.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write("Python 3.11 or later is needed: run 'make setup' with it.\n")
    sys.exit(2)

import argparse
import os
import sqlite3
import traceback
from pathlib import Path

from demo.preflight import UnreadyError, check_tools, exclusive_lock
from ops.output import open_closed_outputs, printable

SAMPLE = Path(__file__).with_name("sample.csv")


def main() -> int:
    """Run the command. Return 0; 1 if a promise is broken; or 2 if the demo could not run."""
    open_closed_outputs()
    arguments = _arguments()
    # No other user may read the files: they have a key with which code can run as this user.
    os.umask(0o077)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # If SIGHUP is ignored already, as under nohup, it stays ignored.
        if signal.getsignal(ending) is signal.SIG_DFL:
            signal.signal(ending, lambda number, _: sys.exit(128 + number))
    try:
        check_tools()
    except UnreadyError as unready:
        return _say(unready)
    # Imported only here: these modules need the packages that were checked above.
    from botocore.exceptions import BotoCoreError
    from urllib3.exceptions import HTTPError

    from demo.chaos import run_chaos
    from demo.errors import DemoError
    from demo.export_rows import ExportError
    from demo.exports import check
    from demo.scenario import run_demo
    from demo.up import up
    from emulator.cloud import CloudError

    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if arguments.command == "chaos":
            return run_chaos(
                seed=arguments.seed,
                orders=arguments.orders,
                express=arguments.express,
                port=arguments.port,
            )
        if arguments.orders:
            check(arguments.orders)
        with exclusive_lock():
            if arguments.command == "run":
                return run_demo(arguments.orders, port=arguments.port, keep=arguments.keep)
            return up(arguments.orders, port=arguments.port)
    except (UnreadyError, ExportError, CloudError, DemoError) as error:
        return _say(error)
    except sqlite3.OperationalError as error:
        return _say(DemoError(f"the run's records cannot be written: {error}"))
    except (BotoCoreError, HTTPError) as error:
        return _say(CloudError(f"the local cloud does not answer any more: {error}"))
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    except BrokenPipeError:
        # The reader of the output has closed it. What Python flushes at exit goes to /dev/null.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        # What cannot be written to a full disk is not flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _say(error)
    except Exception:  # noqa: BLE001 -- Python's own code for it is 1: a promise is broken
        sys.stderr.write(printable(traceback.format_exc(), keep="\n"))
        return 2


def _say(error: Exception) -> int:
    # What an export says, such as its file's name, is in the error.
    lines = map(printable, str(error).splitlines())
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="deploy to a local cloud, place orders, show it all")
    run.add_argument(
        "--orders",
        type=_file,
        default=SAMPLE,
        metavar="FILE.csv",
        help="an export in the columns of the Online Retail data set (default: our sample)",
    )
    run.add_argument(
        "--keep", action="store_true", help="leave the platform running afterwards, with its orders"
    )
    up = commands.add_parser("up", help="deploy to a local cloud and leave it running")
    up.add_argument(
        "--orders", type=_file, metavar="FILE.csv", help="an export whose orders are placed first"
    )
    chaos = commands.add_parser("chaos", help="place orders while all around them fails")
    chaos.add_argument("--seed", type=int, default=1, help="decides what is ordered and what fails")
    chaos.add_argument(
        "--orders", type=_count, default=300, metavar="N", help="how many (%(default)s)"
    )
    chaos.add_argument(
        "--express", action="store_true", help="the sagas are Express workflows, not Standard ones"
    )
    for command in (run, up, chaos):
        command.add_argument(
            "--port", type=_port, help="the local cloud's port on 127.0.0.1 (default: any free one)"
        )
    return parser.parse_args()


def _file(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("ORDERS is empty: name a CSV file, or leave it out")
    return Path(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of orders: 1 or more")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: 1 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
