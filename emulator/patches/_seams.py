"""The places in MiniStack that the patches take hold of."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any


def seam(module: ModuleType, name: str, *parameters: str) -> Callable[..., Any]:
    """Return MiniStack's function, or say that this version does not have it as expected."""
    function = getattr(module, name, None)
    if not callable(function) or tuple(inspect.signature(function).parameters) != parameters:
        raise RuntimeError(
            f"MiniStack has changed: no {module.__name__}.{name}({', '.join(parameters)})"
        )
    found: Callable[..., Any] = function
    return found
