"""The project's modules and what they import."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ("contracts", "runtime")


def within(name: str, *packages: str) -> bool:
    """Whether a module or name is one of these packages or is inside one."""
    return name.startswith(tuple(f"{package}." for package in packages)) or name in packages


def modules(*folders: str) -> list[Path]:
    """The modules of these folders, relative to the project."""
    return sorted(
        path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")
    )


def services(top: str = "lambdas") -> list[str]:
    """The names of the services (simulators, workers) in a folder."""
    folders = (path.parent.name for path in (ROOT / top).glob("*/__init__.py"))
    return sorted(name for name in folders if name not in SHARED)


def imports(module: Path, source: str) -> Iterator[str]:
    """The full names of what a module imports, relative imports resolved."""
    yield from _imports(module, ast.parse(source))


def runtime_imports(module: Path, source: str) -> Iterator[str]:
    """The same without what only type checkers import."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    yield from _imports(module, tree)


def _imports(module: Path, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.parts[: -node.level] if node.level else ()
            base = ".".join((*parents, *filter(None, [node.module])))
            # `from package import x` may import the module x.
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_stub(name: str) -> bool:
    """Whether it is a package of boto3's types, which exists for type checkers only."""
    return name.startswith(("types_boto3", "mypy_boto3"))
