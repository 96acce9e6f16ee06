"""The event source mappings by which functions read streams, as Lambda describes them."""

from typing import Any

WORKING = "Enabled"
NOT_THERE = "not there: nothing reads for it"
PROBLEM = "PROBLEM"
"""Begins the last result of a mapping that cannot read, or whose function fails."""


def mapping_state(lambda_: Any, function: str) -> str:
    """Return the state of a function's mapping, and its last result; ``lambda_`` is the client."""
    answer = lambda_.list_event_source_mappings(FunctionName=function)
    states = [
        f"{each['State']}, and its last result was: {each.get('LastProcessingResult', 'none')}"
        for each in answer["EventSourceMappings"]
    ]
    return "; ".join(states) or NOT_THERE


def works(state: str) -> bool:
    """Return whether a mapping of this state reads, and its function processes what it reads."""
    return state.startswith(WORKING) and PROBLEM not in state
