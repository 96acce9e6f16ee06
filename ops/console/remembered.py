"""A cache of what is deployed, shared by all pages."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from ops.deployed import Deployed
from ops.dlq.templates import Templates

SECONDS = 60.0
"""How long templates, outputs and parameters are taken to be the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedDeployed(Deployed):
    """An environment whose clients are made once, and whose stacks are read once a minute."""

    clock: Callable[[], float] = time.monotonic
    _known: dict[tuple[str, ...], tuple[float, Any]] = field(default_factory=dict, repr=False)
    _lock: RLock = field(default_factory=RLock, repr=False)

    def client(self, service: str) -> Any:
        """Return boto3's client of a service. Threads may share it.

        https://boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html
        """
        return self._remember(lambda: Deployed.client(self, service), "client", service, ever=True)

    def templates(self) -> Templates:
        """Return the templates of this environment's stacks."""
        found: Templates = self._remember(lambda: Deployed.templates(self), "templates")
        return found

    def outputs(self, stack: str) -> Mapping[str, str]:
        """Return the outputs of a service's stack."""
        found: Mapping[str, str] = self._remember(
            lambda: Deployed.outputs(self, stack), "outputs", stack
        )
        return found

    def parameters(self, stack: str) -> Mapping[str, str]:
        """Return the parameters of a service's stack."""
        found: Mapping[str, str] = self._remember(
            lambda: Deployed.parameters(self, stack), "parameters", stack
        )
        return found

    def forget(self) -> None:
        """Read the stacks again when they are asked for: they have changed."""
        with self._lock:
            for key in [key for key in self._known if key[0] != "client"]:
                del self._known[key]

    def _remember(self, read: Callable[[], Any], *key: str, ever: bool = False) -> Any:
        # To make clients is not thread-safe, and two threads should not read the same stacks.
        with self._lock:
            if key in self._known and (ever or self.clock() - self._known[key][0] < SECONDS):
                return self._known[key][1]
            found = read()
            self._known[key] = (self.clock(), found)
            return found
