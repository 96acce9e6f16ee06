"""The event source mappings by which functions read streams, as Lambda describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WORKING = "Enabled"
NOT_THERE = "not there: nothing reads for it"
PROBLEM = "PROBLEM"
"""Begins the last result of a mapping that cannot read, or whose function fails."""


@dataclass(frozen=True, slots=True)
class FunctionMappings:
    """The event source mappings of a function."""

    described: Sequence[Mapping[str, Any]]

    def __str__(self) -> str:
        """Return the state of each, and its last result."""
        states = [
            f"{each['State']}, and its last result was: {_result(each)}" for each in self.described
        ]
        return "; ".join(states) or NOT_THERE

    @property
    def work(self) -> bool:
        """Whether there are any, all read, and the function processes what they read."""
        return self.read and all(PROBLEM not in _result(each) for each in self.described)

    @property
    def read(self) -> bool:
        """Whether there are any, and all read."""
        return bool(self.described) and all(each["State"] == WORKING for each in self.described)


def mappings_of(lambda_: Any, function: str) -> FunctionMappings:
    """Return a function's mappings; ``lambda_`` is the client."""
    answer = lambda_.list_event_source_mappings(FunctionName=function)
    return FunctionMappings(answer["EventSourceMappings"])


def _result(mapping: Mapping[str, Any]) -> str:
    return str(mapping.get("LastProcessingResult", "none"))
