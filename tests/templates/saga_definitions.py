"""The sagas' definitions, and the commands that they send."""

from typing import Any

from tests.templates.kinds import MACHINE
from tests.templates.synthesis import Platform, definition

SAGAS = ("Fulfilment", "Withdrawal")


def saga(of: Platform, name: str) -> Any:
    return definition(of.one(MACHINE, name))


def calls(machine: Any) -> dict[str, Any]:
    """The states that send a command, by the command's name."""
    return {
        name: state
        for name, state in machine["States"].items()
        if state.get("Resource", "").endswith("lambda:invoke")
    }
