"""The import rules of every folder: which packages its modules may import.

The standard library and the module's own folder are always allowed. ``*`` stands for one service,
simulator or worker, whose own folder is its package. The most specific row applies.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.modules import is_stub, within
from tests.support.purity import impurity, must_be_pure


@dataclass(frozen=True, slots=True)
class Rule:
    """What the modules of a folder may import."""

    reason: str
    """Why they may import nothing else."""
    allowed: tuple[str, ...] = ()
    """The packages, modules and names that they may import."""


CDK = ("aws_cdk", "constructs", "jsii")
SDK = ("boto3", "botocore")
CLIENT_SOURCES = (*SDK, "emulator")
"""Folders that import one of these handle boto3's clients, and may import their types."""
SERVICE = ("lambdas.contracts", "lambdas.runtime", *SDK)
PLATFORM = ("app", "lambdas", "simulators", "stacks", "workers")
TOOLS = ("bench", "demo", "emulator", "ops", "simulation", "tools")
OFFERED_TO_OPERATORS = (
    "lambdas.catalog.domain",
    "lambdas.inventory.domain",
    "lambdas.notifications.email_records",
    "lambdas.orders.domain",
    "lambdas.orders.holds",
    "lambdas.orders.offers",
    "lambdas.orders.rows",
    "lambdas.orders.stalled_orders",
    "lambdas.storefront.customer_orders",
    "lambdas.storefront.order_upserts",
    "lambdas.storefront.projections",
    "lambdas.storefront.timeline",
)
"""What the services offer to the operator's command: decisions, readings of rows, projections."""

RULES: dict[str, Rule] = {
    "app.py": Rule("the app composes stacks", ("aws_cdk", "cdk_nag", "stacks")),
    "stacks": Rule(
        "stacks know contracts, not the code of services",
        ("aws_cdk", "constructs", "lambdas.contracts"),
    ),
    "stacks/constructs": Rule(
        "constructs know no service and no service's contracts",
        (
            *CDK,
            "stacks.environments",
            "stacks.names",
            "stacks.setting_checks",
            "lambdas.contracts.codec",
            "lambdas.contracts.commands",
            "lambdas.contracts.event",
            "lambdas.contracts.patterns",
            "lambdas.contracts.transient",
        ),
    ),
    "lambdas/contracts": Rule("contracts need the standard library only"),
    "lambdas/runtime": Rule("adapters know no service", ("lambdas.contracts", "botocore")),
    "lambdas/*": Rule("a service knows other services by their contracts only", SERVICE),
    "lambdas/notifications": Rule(
        "only this service writes PDFs", (*SERVICE[:2], "botocore", "fpdf")
    ),
    "lambdas/payments": Rule(
        "only this service uses PostgreSQL", (*SERVICE[:2], "botocore", "pg8000")
    ),
    "simulators/*": Rule("a simulator is another company's system", SERVICE[:2]),
    "workers/*": Rule("a worker is a service of its own", (*SERVICE, "workers.runtime")),
    "workers/runtime": Rule("a worker's runtime knows no worker", (*SERVICE[:2], "botocore")),
    "ops": Rule(
        "the command works on any account, through what services offer",
        (
            *SDK,
            "pg8000",
            "lambdas.contracts",
            "lambdas.runtime.batch",
            "lambdas.runtime.dynamodb",
            "lambdas.runtime.retry",
            "stacks.names",
            *OFFERED_TO_OPERATORS,
        ),
    ),
    "ops/console": Rule(
        "the console shows what the command's modules know; only it needs a web server",
        (
            "botocore",
            "jinja2",
            "markupsafe",
            "starlette",
            "uvicorn",
            "ops",
            "lambdas.contracts",
            "lambdas.orders.domain",
            "stacks.names",
        ),
    ),
    "emulator": Rule(
        "the emulator knows nothing of what runs on it",
        (
            *SDK,
            "cryptography",
            "jsonata",
            "ministack",
            "uvicorn",
        ),
    ),
    "demo": Rule(
        "the demo uses the platform as it is deployed",
        (
            "botocore.exceptions",
            "pg8000",
            "urllib3",
            "emulator",
            "ops",
            "lambdas.contracts",
            "lambdas.runtime.dynamodb",
            "lambdas.backbone.stream",
            "lambdas.storefront.customer_orders",
            "lambdas.storefront.timeline",
        ),
    ),
    "simulation": Rule(
        "the simulation runs the real handlers in one process",
        (
            *SDK,
            "aws_cdk",
            "greenlet",
            "jsonata",
            "ministack",
            "pg8000",
            *PLATFORM,
            "emulator.delivery_rules",
            "emulator.postgres",
            "ops.views.registry",
        ),
    ),
    "bench": Rule(
        "a benchmark measures the platform; it is part of nothing",
        (
            "aws_cdk",
            "httptools",
            "urllib3",
            "app",
            "stacks.constructs.assets",
            "stacks.constructs.saga.model",
            "stacks.environments",
            "lambdas",
            "demo",
            "emulator",
            "ops",
        ),
    ),
    "bench/cold_start_cases": Rule(
        "what functions are compared with uses what others use",
        ("aws_lambda_powertools", "awslambdaric", "bench", *SDK),
    ),
    "bench/floor_functions": Rule("functions that do nothing but call AWS", ("boto3",)),
    "tools": Rule(
        "a generator reads contracts, and which stacks publish and read them",
        (
            "lambdas.contracts",
            "app",
            "aws_cdk",
            "botocore",
            "cfnlint",
            "ops.changes",
            "stacks.constructs.contract_outputs",
            "stacks.environments",
            "stacks.names",
        ),
    ),
    "tests/support": Rule(
        "helpers serve all levels of tests and belong to none",
        (
            *PLATFORM,
            *TOOLS,
            *SDK,
            "aws_cdk",
            "constructs",
            "PIL",
            "hypothesis",
            "playwright",
            "pytest",
            "urllib3",
            "uvicorn",
            "xdist",
            "tests.contracts.catalog",
            "tests.templates.synthesis",
        ),
    ),
}


def rule_of(module: Path) -> tuple[str, Rule] | None:
    """The module's own folder as a package, and its rule."""
    parts = module.parts
    for key in ("/".join(parts[:2]), f"{parts[0]}/*", parts[0]):
        if key in RULES and (len(parts) > 2 or "/" not in key):
            own = parts[0] if "/" not in key else ".".join(parts[:2])
            return own, RULES[key]
    return None


def violation(module: Path, name: str) -> str | None:
    """Why a module may not import that name; None when it may."""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return None if not must_be_pure(module) else impurity(module, name)
    found = rule_of(module)
    if found is None:
        return "the folder has no rule"
    own, rule = found
    is_client_type = is_stub(name) and not set(CLIENT_SOURCES).isdisjoint(rule.allowed)
    if not is_client_type and not within(name, own, *rule.allowed):
        return rule.reason
    return impurity(module, name) if must_be_pure(module) else None
