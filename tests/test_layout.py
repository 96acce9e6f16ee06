"""How large a file and a handler are, what deployed code may mention, what a service is called."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.modules import ROOT, modules, services

MAX_HANDLER_LINES = 25
MAX_LINES = 300
"""So long may a file be that is read as one."""


def handlers() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for module in modules("lambdas", "simulators"):
        for node in ast.parse((ROOT / module).read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name == "handler":
                yield module, node


def length(function: ast.FunctionDef) -> int:
    """The lines of a function's body, without its docstring."""
    first, *rest = function.body
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = rest if documented else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


class TestHandlers:
    def test_handlers_are_found(self):
        assert len(list(handlers())) >= 12

    def test_handlers_are_short(self):
        sizes = {str(module): length(function) for module, function in handlers()}

        assert {module: size for module, size in sizes.items() if size > MAX_HANDLER_LINES} == {}

    def test_handlers_take_an_event_and_a_context_and_have_a_docstring(self):
        for module, function in handlers():
            assert [argument.arg for argument in function.args.args] == ["event", "context"], module
            assert ast.get_docstring(function), module

    def test_body_without_docstring_is_counted(self):
        (function,) = ast.parse('def f():\n    """Doc."""\n    a = 1\n\n    return a').body

        assert isinstance(function, ast.FunctionDef)
        assert length(function) == 3


def lines(file: Path) -> int:
    return len((ROOT / file).read_text().splitlines())


def test_file_is_short_enough_to_be_read_as_one():
    folders = [package.parent.name for package in ROOT.glob("*/__init__.py")]
    sizes = {str(file): lines(file) for file in (Path("app.py"), *modules(*folders))}

    assert len(sizes) > 500
    assert {file: size for file, size in sizes.items() if size > MAX_LINES} == {}


@pytest.mark.parametrize(
    "module", modules("simulators") + modules("lambdas", "workers", "stacks"), ids=str
)
def test_deployed_module_does_not_mention_the_laptop(module: Path):
    assert mentions((ROOT / module).read_text()) == []


def mentions(source: str) -> list[str]:
    words = ("ministack", "localstack", "localhost", "127.0.0.1", "pgserver")
    return [word for word in words if word in source.lower()]


def test_mention_of_the_laptop_is_found():
    assert mentions('endpoint = "http://LocalHost:4566"') == ["localhost"]


@pytest.mark.parametrize("folder", ["stacks", "tests/unit"])
def test_service_has_the_same_name_everywhere(folder: str):
    has: Callable[[str], bool] = (
        (lambda name: any((ROOT / folder / part).exists() for part in (name, f"{name}.py")))
        if folder == "stacks"
        else (lambda name: (ROOT / folder / name).is_dir())
    )

    assert [
        name
        for top in ("lambdas", "simulators", "workers")
        for name in services(top)
        if not has(name)
    ] == []
