"""Who may import whom: the rules of ``tests/support/import_rules.py``, and that they hold."""

import ast
from pathlib import Path

import pytest

from tests.support.import_rules import OFFERED_TO_OPERATORS, RULES, rule_of, violation
from tests.support.modules import ROOT, SHARED, imports, is_stub, modules, runtime_imports, within
from tests.support.purity import ADAPTERS, impure_calls, impurity, is_pure, service_modules

FOLDERS = sorted({key.partition("/")[0] for key in RULES} - {"app.py", "tests"})
OPEN = ("app.py", "simulation", "tests/support")
"""Whose rules may allow more than is imported today."""
RULED = [Path("app.py"), *modules(*FOLDERS, "tests/support")]


def source_of(module: Path) -> str:
    return (ROOT / module).read_text()


def test_every_folder_of_python_has_a_rule():
    folders = {
        path.parts[0] for path in modules(".") if (ROOT / path.parts[0] / "__init__.py").is_file()
    }

    assert folders - {"tests"} <= set(FOLDERS)


def test_each_module_imports_only_what_its_rule_allows():
    found = {
        (str(module), name): reason
        for module in RULED
        for name in imports(module, source_of(module))
        if (reason := violation(module, name))
    }

    assert len(RULED) > 500
    assert found == {}


@pytest.mark.parametrize("folder", [key for key in RULES if "*" not in key and key not in OPEN])
def test_rule_allows_nothing_that_its_folder_does_not_import(folder: str):
    used = {
        name
        for module in modules(folder)
        if (rule_of(module) or ())[1:] == (RULES[folder],)
        for name in imports(module, source_of(module))
    }

    assert [a for a in RULES[folder].allowed if not any(within(name, a) for name in used)] == []


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
        ("stacks/orders/stack.py", "from lambdas.orders.domain import PLACED"),
        ("stacks/constructs/saga/saga.py", "from lambdas.runtime import http"),
        ("stacks/orders/stack.py", "from emulator.cloud import Cloud"),
        ("emulator/deploy.py", "from demo.order_driver import deliver_stock"),
        ("emulator/cloud.py", "from ops.views import VIEWS"),
        ("emulator/dsql.py", "from lambdas.payments import store"),
        ("demo/scenario.py", "from stacks.environments import DEV"),
        ("ops/rebuild.py", "from emulator.cloud import Cloud"),
        ("stacks/warehouse.py", "from workers.runtime.shutdown import Shutdown"),
        ("lambdas/orders/store.py", "from workers.warehouse.domain import Picking"),
        ("workers/warehouse/store.py", "from lambdas.inventory.domain import Delivery"),
        ("workers/warehouse/store.py", "from workers.another.store import Another"),
        ("workers/runtime/consumer.py", "from stacks.environments import DEV"),
        ("workers/runtime/consumer.py", "from workers.warehouse.domain import Picking"),
        ("workers/warehouse/domain.py", "from workers.runtime.queue import Message"),
        ("workers/warehouse/domain.py", "import boto3"),
        ("workers/warehouse/domain.py", "from time import time"),
        ("workers/warehouse/domain.py", "from workers.warehouse.store import Warehouse"),
        ("lambdas/payments/provider.py", "from simulators.card_provider import domain"),
        ("stacks/card_provider.py", "from simulators.card_provider.faults import Fault"),
        ("simulators/card_provider/store.py", "from lambdas.payments.domain import Charge"),
        ("simulators/card_provider/store.py", "from simulators.another.store import Another"),
        ("simulators/card_provider/domain.py", "import boto3"),
        ("lambdas/orders/order_request.py", "import boto3"),
        ("lambdas/orders/holds.py", "from lambdas.orders.store import Orders"),
        ("lambdas/orders/holds.py", "from lambdas.runtime.log import log"),
        ("lambdas/orders/new_rule.py", "from random import random"),
        ("lambdas/orders/store.py", "import pg8000"),
        ("lambdas/orders/domain.py", "from types_boto3_dynamodb import DynamoDBClient"),
        ("stacks/constructs/saga/saga.py", "from lambdas.contracts.orders import OrderPlaced"),
        ("stacks/constructs/saga/saga.py", "from stacks.orders import OrdersStack"),
        ("stacks/orders/stack.py", "import boto3"),
        ("ops/orders/trace.py", "from lambdas.orders.store import Orders"),
        ("ops/orders/trace.py", "from lambdas.orders.events import order_events"),
        ("ops/orders/trace.py", "from demo.report import Screen"),
        ("ops/orders/trace.py", "from bench.costs import CostItem"),
        ("emulator/server.py", "from tests.support.faults import x"),
        ("demo/scenario.py", "from lambdas.orders.domain import Order"),
        ("demo/scenario.py", "from tests.support.faults import x"),
        ("bench/latency.py", "from tests.support.faults import x"),
        ("bench/latency.py", "from stacks.orders import OrdersStack"),
        ("tools/event_docs.py", "from lambdas.orders.domain import Order"),
        ("tools/event_docs.py", "import boto3"),
        ("simulation/world.py", "from emulator.cloud import Cloud"),
        ("simulation/world.py", "from tests.support.faults import x"),
        ("tests/support/faults.py", "from tests.unit.orders.requests import x"),
        ("tests/support/faults.py", "from tests.e2e.orders.test_fulfilment import x"),
        ("new_folder/module.py", "import boto3"),
    ],
)
def test_forbidden_import_is_found(module: str, line: str):
    assert all(violation(Path(module), name) for name in imports(Path(module), line))


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("lambdas/contracts/orders.py", "from lambdas.contracts.values import Money"),
        ("lambdas/contracts/orders.py", "import json"),
        ("lambdas/orders/store.py", "import boto3"),
        ("lambdas/orders/store.py", "from .domain import Order"),
        ("lambdas/orders/domain.py", "from lambdas.contracts.orders import OrderPlaced"),
        ("stacks/orders/stack.py", "from lambdas.contracts.orders import OrderPlaced"),
        ("workers/warehouse/store.py", "from lambdas.runtime.dynamodb import to_item"),
        ("workers/warehouse/store.py", "from workers.warehouse.domain import Picking"),
        ("workers/warehouse/handlers.py", "from workers.runtime.queue import Message"),
        ("simulators/card_provider/store.py", "from lambdas.runtime.aws import client"),
        ("simulators/card_provider/store.py", "from simulators.card_provider.domain import Charge"),
        ("workers/warehouse/domain.py", "from lambdas.contracts.orders import OrderConfirmed"),
        ("lambdas/orders/holds.py", "from lambdas.orders.domain import Order"),
        ("lambdas/orders/holds.py", "from lambdas.orders import domain"),
        ("lambdas/orders/store.py", "from types_boto3_dynamodb import DynamoDBClient"),
        ("lambdas/payments/database.py", "import pg8000.native"),
        ("stacks/constructs/saga/saga.py", "from lambdas.contracts.event import Event"),
        ("stacks/orders/stack.py", "from stacks.constructs.saga.saga import Saga"),
        ("ops/orders/trace.py", "from lambdas.orders.rows import order_of"),
        ("demo/scenario.py", "from emulator.cloud import Cloud"),
        ("simulation/world.py", "from lambdas.orders.place_order import handler"),
        ("simulation/world.py", "from emulator.delivery_rules.queue_batches import Batch"),
        ("tests/support/faults.py", "from tests.support.patching import patch"),
    ],
)
def test_allowed_import_is_accepted(module: str, line: str):
    assert [violation(Path(module), name) for name in imports(Path(module), line)] == [None]


def test_types_of_boto3_are_imported_by_type_checkers_only():
    found = [
        (str(module), name)
        for module in RULED
        for name in runtime_imports(module, source_of(module))
        if is_stub(name)
    ]

    assert found == []


def test_import_for_type_checkers_is_distinguished_from_others():
    only = "if TYPE_CHECKING:\n    from types_boto3_sqs import SQSClient\n"

    assert list(runtime_imports(Path("a.py"), only + "import os")) == ["os"]
    assert list(imports(Path("a.py"), only)) == ["types_boto3_sqs.SQSClient"]


def test_pure_modules_ask_no_clock_and_no_environment():
    pure = [module for module in service_modules() if is_pure(module)]

    assert pure
    assert {m: calls for m in map(str, pure) if (calls := impure_calls(source_of(Path(m))))} == {}


@pytest.mark.parametrize(
    "call", ["datetime.now(UTC)", "os.getenv('A')", "open('a')", "uuid4.uuid4()"]
)
def test_impure_call_is_found(call: str):
    assert impure_calls(f"at = {call}") == [call]


@pytest.mark.parametrize("name", ADAPTERS)
def test_listed_adapter_exists_and_is_not_pure(name: str):
    module = Path(f"{name}.py")
    assert (ROOT / module).is_file(), f"take {name} out of ADAPTERS in tests/support/purity.py"
    source = source_of(module)

    assert impure_calls(source) or any(impurity(module, n) for n in imports(module, source))


@pytest.mark.parametrize("name", OFFERED_TO_OPERATORS)
def test_module_offered_to_operators_is_no_store(name: str):
    service, module = name.split(".")[1:]

    assert service not in SHARED
    assert module != "store"


def test_no_command_waits_for_the_consoles_web_server():
    """Only a function of the console's own command imports it."""
    web = {
        (str(module), node.col_offset)
        for module in modules("ops")
        if module.parts[1] != "console"
        for node in ast.walk(ast.parse(source_of(module)))
        if isinstance(node, ast.ImportFrom)
        and within(node.module or "", "ops.console", "jinja2", "starlette", "uvicorn")
    }

    assert {module for module, _ in web} == {"ops/commands/console.py"}
    assert 0 not in {column for _, column in web}
