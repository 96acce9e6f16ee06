"""Access to MiniStack's internal functions that the patches replace."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any


def seam(module: ModuleType, name: str, *parameters: str) -> Callable[..., Any]:
    """Return a function of MiniStack; raise RuntimeError if it or its parameters have changed."""
    function = getattr(module, name, None)
    if not callable(function) or tuple(inspect.signature(function).parameters) != parameters:
        raise RuntimeError(
            f"MiniStack has changed: no {module.__name__}.{name}({', '.join(parameters)})"
        )
    found: Callable[..., Any] = function
    return found
