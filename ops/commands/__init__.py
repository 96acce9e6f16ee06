"""The commands of `python -m ops`, a module each, and what they have in common.

A module's docstring is its help. ``arguments(parser)`` declares what it takes besides ``--env``;
``run(arguments, deployed, terminal)`` does it and returns how it ended.
"""

from argparse import ArgumentParser, Namespace
from typing import Protocol

from ops.deployed import Deployed
from ops.terminal import Terminal

DONE, OPEN, FAILED, INTERRUPTED = 0, 1, 2, 130
"""How a command ends: all is well; something is left for a person; it could not be done."""


class Command(Protocol):
    """What a module of this package is."""

    __doc__: str | None

    def arguments(self, parser: ArgumentParser) -> None:
        """Declare what this verb takes."""

    def run(self, arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
        """Do it; raises OperationError or what boto3 raises when it cannot be done."""
