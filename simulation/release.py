"""A release that is deployed in the middle of a run: sagas call all their functions by other names.

The functions are there under both names, as `docs/how-to/deploy.md` says. A new definition is for
executions that begin after the deployment. One that began before goes on with its own, but the role
that it shares may call the old names no more.
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-read-consistency.html
"""

import json
from collections.abc import Iterator
from typing import Any

from simulation.world import World


class Release:
    """Today's release. Until it is deployed, the world has the one before."""

    def __init__(self, world: World) -> None:
        """Give the world the release before."""
        self._world = world
        self._states = {machine: machine.states for machine in world.machines.values()}
        self._names = {new: f"{new}Before" for new in _called(world)}
        for new, old in self._names.items():
            world.functions[old] = world.functions[new]
        for machine, states in self._states.items():
            machine.states = self._with_old_names(states)

    def deploy(self) -> None:
        """Deploy it now: sagas get their definitions and rights, functions new environments."""
        for machine, states in self._states.items():
            machine.states = states
        self._world.forbidden.update(self._names.values())
        for function in self._world.functions.values():
            function.renew()

    def _with_old_names(self, states: Any) -> Any:
        text = json.dumps(states)
        for new, old in self._names.items():
            text = text.replace(new, old)
        return json.loads(text)


def _called(world: World) -> set[str]:
    """Return the names of the functions that sagas call."""

    def called() -> Iterator[Any]:
        for machine in world.machines.values():
            for state in machine.states.values():
                yield state.get("Arguments", {}).get("FunctionName")

    return set(filter(None, called()))
