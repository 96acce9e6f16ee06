"""Who may import whom, and how large a handler is."""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST_LINES = 25
SHARED = ("contracts", "runtime")
LAPTOP = ("emulator", "demo")


def modules(*folders: str) -> list[Path]:
    return sorted(
        path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")
    )


def services(top: str = "lambdas") -> list[str]:
    folders = (path.parent.name for path in (ROOT / top).glob("*/__init__.py"))
    return sorted(name for name in folders if name not in SHARED)


def imports(module: Path, source: str) -> Iterator[str]:
    """The full names of the modules that a module imports, relative imports resolved."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.parts[: -node.level] if node.level else ()
            base = ".".join((*parents, *filter(None, [node.module])))
            # `from package import x` may import the module x.
            yield from (f"{base}.{alias.name}" for alias in node.names)


def within(name: str, *packages: str) -> bool:
    return name.startswith(tuple(f"{package}." for package in packages)) or name in packages


def standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def refused(module: Path, name: str) -> str | None:
    """Why a module may not import that name; None when it may."""
    top, *below = module.with_suffix("").parts
    if within(name, "workers") and not (top == "workers" and within(name, f"workers.{below[0]}")):
        return "a worker is run, not imported"
    if within(name, "simulators") and top != "simulators":
        return "a simulator is called, not imported"
    if top == "emulator":
        foreign: tuple[str, ...] = ("lambdas", "stacks", "demo", "ops", "bench", "tests", "app")
        return "the emulator knows nothing of what runs on it" if within(name, *foreign) else None
    if top == "demo":
        foreign = ("stacks", "bench", "tests", "app")
        return "the demo uses the platform as it is deployed" if within(name, *foreign) else None
    if top == "ops":
        foreign = ("stacks", "bench", "tests", "app", *LAPTOP)
        return "the command works on any account" if within(name, *foreign) else None
    if top == "stacks":
        if within(name, "lambdas") and not within(name, "lambdas.contracts"):
            return "stacks know contracts only"
        return "what is deployed knows of no laptop" if within(name, *LAPTOP) else None
    package = below[0]
    if within(name, "stacks", "tests", *LAPTOP):
        return "what runs does not know who deploys it"
    if package == "contracts":
        known = standard(name) or within(name, "lambdas.contracts")
        return None if known else "contracts need the standard library only"
    if package == "runtime":
        known = not within(name, "lambdas") or within(name, "lambdas.contracts", "lambdas.runtime")
        return None if known else "the runtime adapters know no service"
    if package in services(top):
        own = (f"{top}.{package}", *(f"lambdas.{shared}" for shared in SHARED))
        if within(name, "lambdas", "simulators") and not within(name, *own):
            return "a service never imports another"
        if module.name == "domain.py" and not _pure(name, f"{top}.{package}"):
            return "a domain knows no AWS, no environment and no clock"
    return None


def _pure(name: str, service: str) -> bool:
    if within(
        name, "os", "time", "random", "secrets", "socket", "subprocess", "urllib", "uuid.uuid4"
    ):
        return False
    return standard(name) or within(name, "lambdas.contracts", f"{service}.domain")


@pytest.mark.parametrize(
    "module",
    modules("simulators") + modules("lambdas", "workers", "stacks", "ops", *LAPTOP),
    ids=str,
)
def test_it_imports_what_it_may(module: Path):
    found = {name: refused(module, name) for name in imports(module, (ROOT / module).read_text())}

    assert {name: reason for name, reason in found.items() if reason} == {}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("lambdas/contracts/orders.py", "import boto3"),
        ("lambdas/contracts/orders.py", "from lambdas.runtime.log import log"),
        ("lambdas/contracts/orders.py", "from lambdas.orders import domain"),
        ("lambdas/runtime/bus.py", "from lambdas.orders.domain import place"),
        ("lambdas/orders/store.py", "from lambdas.inventory.domain import Delivery"),
        ("lambdas/orders/store.py", "from lambdas import inventory"),
        ("lambdas/orders/store.py", "from ..inventory import store"),
        ("lambdas/orders/store.py", "import lambdas.payments.store"),
        ("lambdas/orders/place_order.py", "from stacks.environments import DEV"),
        ("lambdas/orders/place_order.py", "import emulator.cloud"),
        ("lambdas/orders/domain.py", "import boto3"),
        ("lambdas/orders/domain.py", "import os"),
        ("lambdas/orders/domain.py", "from time import time"),
        ("lambdas/orders/domain.py", "from lambdas.runtime.settings import setting"),
        ("lambdas/orders/domain.py", "from lambdas.orders.store import Orders"),
        ("stacks/orders.py", "from lambdas.orders.domain import PLACED"),
        ("stacks/constructs/saga.py", "from lambdas.runtime import http"),
        ("stacks/orders.py", "from emulator.cloud import Cloud"),
        ("emulator/deploy.py", "from demo.order_driver import deliver_stock"),
        ("emulator/cloud.py", "from ops.views import VIEWS"),
        ("emulator/dsql.py", "from lambdas.payments import store"),
        ("demo/scenario.py", "from stacks.environments import DEV"),
        ("ops/rebuild.py", "from emulator.cloud import Cloud"),
        ("stacks/warehouse.py", "from workers.warehouse.consumer import Shutdown"),
        ("lambdas/orders/store.py", "from workers.warehouse.domain import Picking"),
        ("workers/warehouse/store.py", "from lambdas.inventory.domain import Delivery"),
        ("workers/warehouse/store.py", "from workers.another.store import Another"),
        ("workers/warehouse/consumer.py", "from stacks.environments import DEV"),
        ("workers/warehouse/domain.py", "import boto3"),
        ("workers/warehouse/domain.py", "from time import time"),
        ("workers/warehouse/domain.py", "from workers.warehouse.store import Warehouse"),
        ("lambdas/payments/provider.py", "from simulators.card_provider import domain"),
        ("stacks/card_provider.py", "from simulators.card_provider.faults import Fault"),
        ("simulators/card_provider/store.py", "from lambdas.payments.domain import Charge"),
        ("simulators/card_provider/store.py", "from simulators.another.store import Another"),
        ("simulators/card_provider/domain.py", "import boto3"),
    ],
)
def test_what_it_may_not_is_seen(module: str, line: str):
    assert all(refused(Path(module), name) for name in imports(Path(module), line))


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("lambdas/contracts/orders.py", "from lambdas.contracts.values import Money"),
        ("lambdas/contracts/orders.py", "import json"),
        ("lambdas/orders/store.py", "import boto3"),
        ("lambdas/orders/store.py", "from .domain import Order"),
        ("lambdas/orders/domain.py", "from lambdas.contracts.orders import OrderPlaced"),
        ("stacks/orders.py", "from lambdas.contracts.orders import OrderPlaced"),
        ("workers/warehouse/store.py", "from lambdas.runtime.dynamodb import to_item"),
        ("workers/warehouse/store.py", "from workers.warehouse.domain import Picking"),
        ("simulators/card_provider/store.py", "from lambdas.runtime.aws import client"),
        ("simulators/card_provider/store.py", "from simulators.card_provider.domain import Charge"),
        ("workers/warehouse/domain.py", "from lambdas.contracts.orders import OrderConfirmed"),
    ],
)
def test_what_it_may_is_allowed(module: str, line: str):
    assert [refused(Path(module), name) for name in imports(Path(module), line)] == [None]


def impurities(source: str) -> list[str]:
    """The calls that ask a clock or the environment, by any name but an argument's."""
    asked = {"now", "utcnow", "today", "getenv", "uuid1", "uuid4"}
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in asked
    ]


@pytest.mark.parametrize(
    "module",
    sorted(
        module
        for top in ("lambdas", "simulators", "workers")
        for module in ROOT.glob(f"{top}/*/domain.py")
    ),
    ids=str,
)
def test_a_domain_asks_no_clock(module: Path):
    assert impurities(module.read_text()) == []


def test_a_clock_in_a_domain_is_seen():
    assert impurities("at = datetime.now(UTC)") == ["datetime.now(UTC)"]


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
    def test_there_is_one_for_every_verb(self):
        assert len(list(handlers())) >= 12

    def test_they_are_short(self):
        sizes = {str(module): length(function) for module, function in handlers()}

        assert {module: size for module, size in sizes.items() if size > MOST_LINES} == {}

    def test_they_take_an_event_and_a_context_and_say_what_they_do(self):
        for module, function in handlers():
            assert [argument.arg for argument in function.args.args] == ["event", "context"], module
            assert ast.get_docstring(function), module

    def test_lines_are_counted(self):
        (function,) = ast.parse('def f():\n    """Doc."""\n    a = 1\n\n    return a').body

        assert isinstance(function, ast.FunctionDef)
        assert length(function) == 3


@pytest.mark.parametrize(
    "module", modules("simulators") + modules("lambdas", "workers", "stacks"), ids=str
)
def test_nothing_that_is_deployed_knows_of_the_laptop(module: Path):
    assert mentions((ROOT / module).read_text()) == []


def mentions(source: str) -> list[str]:
    words = ("ministack", "localstack", "localhost", "127.0.0.1", "pgserver")
    return [word for word in words if word in source.lower()]


def test_a_mention_is_seen():
    assert mentions('endpoint = "http://LocalHost:4566"') == ["localhost"]


@pytest.mark.parametrize("folder", ["stacks", "tests/unit"])
def test_a_service_has_one_name(folder: str):
    has: Callable[[str], bool] = (
        (lambda name: (ROOT / folder / f"{name}.py").is_file())
        if folder == "stacks"
        else (lambda name: (ROOT / folder / name).is_dir())
    )

    assert [
        name
        for top in ("lambdas", "simulators", "workers")
        for name in services(top)
        if not has(name)
    ] == []
