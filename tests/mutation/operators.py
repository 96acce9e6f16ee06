"""The mutants of a module: each removes or turns round one guard within a function."""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

from tests.support.modules import ROOT

SWAPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
ESCAPES = {"escape", "printable", "quoted", "quoteattr", "format_time", "reformat_time"}
LEAVES = (ast.Raise, ast.Return, ast.Continue, ast.Break)
ANYWAY = ") OR attribute_not_exists(no_such_attribute)"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one function of a module."""

    path: str
    line: int
    function: str
    """The qualified name of the function."""
    operator: str
    text: str
    """The line before the change."""
    code: CodeType
    """The changed function."""
    module: CodeType
    """The module with it."""

    @property
    def name(self) -> str:
        """What identifies the mutant as long as its line keeps its text."""
        return f"{self.path}:{self.function}: {self.operator}: {self.text}"


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield the mutants of a module's functions."""
    source = (ROOT / path).read_text()
    tree, lines = ast.parse(source), source.splitlines()
    names = Counter[tuple[str, str, str]]()
    for function, qualified in _functions(tree, ""):
        for operator, node, change in _changes(function):
            mutated = deepcopy(tree)
            change(_same(mutated, tree, node))
            module = compile(ast.fix_missing_locations(mutated), str(ROOT / path), "exec")
            code = next((c for c in codes(module) if c.co_qualname == qualified), None)
            if code is not None:
                text = lines[node.lineno - 1].strip()
                names[qualified, operator, text] += 1
                if (n := names[qualified, operator, text]) > 1:
                    operator = f"{operator} ({n})"
                yield Mutant(path.as_posix(), node.lineno, qualified, operator, text, code, module)


def unchanged(path: Path) -> Iterator[Mutant]:
    """Yield each function of a module as it is: no test may catch it."""
    source = (ROOT / path).read_text()
    tree = ast.parse(source)
    module = compile(tree, str(ROOT / path), "exec")
    own = {each.co_qualname: each for each in codes(module)}
    for function, name in _functions(tree, ""):
        yield Mutant(path.as_posix(), function.lineno, name, "nothing", "", own[name], module)


def codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all those within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[ast.FunctionDef, str]]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name):
                yield child, prefix + name
            case ast.ClassDef(name=name):
                yield from _functions(child, f"{prefix}{name}.")


def _same(mutated: ast.AST, tree: ast.AST, node: ast.AST) -> Any:
    """Return the node of a copied tree that is at the place of ``node`` in the tree."""
    pairs = zip(ast.walk(mutated), ast.walk(tree), strict=True)
    return next(copy for copy, own in pairs if own is node)


def _changes(function: ast.FunctionDef) -> Iterator[tuple[str, Any, Callable[[Any], object]]]:
    """Yield the operator, the node, and the change to make to it."""
    for node in ast.walk(function):
        match node:
            case ast.If(body=[*_, last], orelse=[]) if isinstance(last, LEAVES):
                yield "guard is gone", node, lambda n: setattr(n, "test", ast.Constant(False))
            case ast.Compare(ops=[op]) if type(op) in SWAPPED:
                yield "comparison", node, lambda n: setattr(n, "ops", [SWAPPED[type(n.ops[0])]()])
            case ast.BoolOp(op=op, values=values):
                neutral = ast.Constant(isinstance(op, ast.And))
                for i in range(len(values)):
                    yield f"operand {i} is gone", node, partial(_replace, "values", i, neutral)
            case ast.ExceptHandler(type=ast.expr()):
                yield "catch is gone", node, lambda n: setattr(n, "type", ast.Tuple([], ast.Load()))
            case ast.Dict(keys=keys):
                for i, key in enumerate(keys):
                    if isinstance(key, ast.Constant) and key.value == "ConditionExpression":
                        yield "condition always holds", node, partial(_hold, i)
            case ast.Call(func=ast.Name(id=name), args=[_]) if name in ESCAPES:
                yield "escape is gone", node, _unescape
            case ast.Call(func=ast.Name(id="sorted"), keywords=[_, *_]):
                yield "order is gone", node, lambda n: setattr(n, "keywords", [])
            case ast.keyword(arg="ConditionExpression"):
                yield "condition always holds", node.value, partial(_hold_given, node)
            case ast.keyword(value=ast.List([]) | ast.Tuple([])):
                continue
            case ast.keyword(arg="failed" | "exclusive" | "expected") as given:
                yield f"{given.arg} is empty", given.value, _empty


def _replace(name: str, i: int, by: ast.expr, node: Any) -> None:
    getattr(node, name)[i] = by


def _hold(i: int, node: ast.Dict) -> None:
    opened = ast.BinOp(ast.Constant("("), ast.Add(), node.values[i])
    node.values[i] = ast.BinOp(opened, ast.Add(), ast.Constant(ANYWAY))


def _hold_given(_: ast.keyword, value: Any) -> None:
    own = deepcopy(value)
    value.__class__ = ast.BinOp
    value.__dict__.clear()
    opened = ast.BinOp(ast.Constant("("), ast.Add(), own)
    value.__dict__ |= {"left": opened, "op": ast.Add(), "right": ast.Constant(ANYWAY)}
    ast.copy_location(value, own)


def _unescape(call: ast.Call) -> None:
    call.func, call.keywords = ast.Name("str", ast.Load()), []


def _empty(value: Any) -> None:
    value.__class__ = ast.Tuple
    value.__dict__ |= {"elts": [], "ctx": ast.Load()}
