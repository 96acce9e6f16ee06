"""The commands of `python -m ops`, one module each.

A module's docstring is its help text. ``arguments(parser)`` declares its arguments other than
``--env``. ``run(arguments, deployed, terminal)`` does the work and returns the exit code.
"""

from argparse import ArgumentParser, Namespace
from typing import Protocol

from ops.deployed import Deployed
from ops.terminal import Terminal

DONE, NEEDS_ATTENTION, FAILED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: all is well; something is left to do; the command failed; interrupted."""


class Command(Protocol):
    """The interface of a command's module: its docstring is the help text."""

    __doc__: str | None

    def arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
        """Do the work and return the exit code.

        Raises:
            OperationError, ClientError, BotoCoreError: the command cannot do its work.
        """
