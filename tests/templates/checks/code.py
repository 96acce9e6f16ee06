"""What the code of a function reads and calls: its module, and all that this one imports."""

import ast
from functools import cache

from tests.templates.synthesis import ROOT

OURS = ("lambdas.", "simulators.")
READERS = ("setting", "whole_number")
"""The functions of `lambdas/runtime/settings.py`."""


@cache
def _loaded(handler: str) -> frozenset[str]:
    """Return the paths of a handler's module and of what it imports, directly or not."""
    found, left = set[str](), [f"{handler.rpartition('.')[0].replace('.', '/')}.py"]
    while left:
        each = left.pop()
        if each in found or not (ROOT / each).is_file():
            continue
        found.add(each)
        for node in ast.walk(_parsed(each)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OURS):
                left.append(f"{str(node.module).replace('.', '/')}.py")
    return frozenset(found)


@cache
def _parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


@cache
def settings_read(handler: str) -> frozenset[str]:
    """Return the names of the settings that the code of a handler reads."""
    return frozenset(
        str(node.args[0].value)
        for path in _loaded(handler)
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in READERS
        and isinstance(node.args[0], ast.Constant)
    )


@cache
def names_used(handler: str) -> frozenset[str]:
    """Return the attributes and texts in the code of a handler, such as ``put_item``, ``Put``."""
    found = set()
    for path in _loaded(handler):
        for node in ast.walk(_parsed(path)):
            match node:
                case ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                    found.add(name)
    return frozenset(found)
