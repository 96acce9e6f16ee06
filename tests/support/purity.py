"""Which modules of a service are pure, and what a pure module may use."""

import ast
from pathlib import Path

from tests.support.modules import ROOT, SHARED, modules, within

ADAPTERS = {
    "lambdas/backbone/stream": "Kinesis, CloudWatch",
    "lambdas/inventory/batch_store": "DynamoDB",
    "lambdas/inventory/deliveries": "DynamoDB",
    "lambdas/inventory/pending_reservations": "the log, SQS",
    "lambdas/inventory/writes": "DynamoDB",
    "lambdas/inventory/unresolved_reservations": "DynamoDB, EventBridge",
    "lambdas/notifications/contact_change": "SES, chance",
    "lambdas/notifications/contact_store": "DynamoDB",
    "lambdas/notifications/erasure": "DynamoDB",
    "lambdas/notifications/mail_sender": "SES",
    "lambdas/notifications/ses": "SES",
    "lambdas/operations/dead_letter_queues": "SQS",
    "lambdas/orders/backlog": "DynamoDB",
    "lambdas/orders/checkpoint": "DynamoDB",
    "lambdas/orders/customer_orders": "DynamoDB",
    "lambdas/orders/duplicate_scan": "DynamoDB",
    "lambdas/orders/offers_view": "DynamoDB",
    "lambdas/orders/scans": "DynamoDB",
    "lambdas/orders/scheduled_job": "the log",
    "lambdas/payments/charging": "the card provider",
    "lambdas/payments/database": "Aurora DSQL",
    "lambdas/payments/grants": "Aurora DSQL",
    "lambdas/payments/lambda_provider": "Lambda",
    "lambdas/payments/migrations": "Aurora DSQL",
    "lambdas/payments/outbox": "Aurora DSQL, SQS",
    "lambdas/payments/unresolved_charges": "Aurora DSQL, EventBridge",
    "lambdas/purchasing/follow_up": "Lambda",
    "lambdas/purchasing/lambda_supplier": "Lambda",
    "lambdas/storefront/projections": "DynamoDB",
    "simulators/card_provider/faults": "the clock, the environment",
}
"""The modules that touch the world, and what they touch. Handlers do so too, and are recognized by
their function ``handler``; those of a worker are in ``handlers.py`` and ``__main__.py``. So does
``store.py``, a service's access to its database. Every other module of a service, simulator or
worker must be pure.
"""
RUNNING_A_WORKER = ("handlers", "__main__")

PURE_LIBRARIES = (
    *("abc", "base64", "bisect", "collections", "contextlib", "csv", "dataclasses", "datetime"),
    *("decimal", "enum", "fractions", "functools", "hashlib", "heapq", "html", "io", "itertools"),
    *("json", "math", "operator", "re", "statistics", "string", "textwrap", "types", "typing"),
    *("unicodedata", "uuid.NAMESPACE_URL", "uuid.UUID", "uuid.uuid5", "warnings", "zlib"),
    # It writes a PDF into memory.
    "fpdf",
)
IMPURE_METHODS = {"now", "utcnow", "today", "getenv", "uuid1", "uuid4"}
IMPURE_FUNCTIONS = {"input", "open", "print"}


def service_modules() -> list[Path]:
    """The modules of services, simulators and workers."""
    return [
        module
        for module in modules("lambdas", "simulators", "workers")
        if len(module.parts) > 2 and module.parts[1] not in SHARED
    ]


def is_pure(module: Path) -> bool:
    """Whether a service's module is no handler, no store, and not listed as an adapter."""
    return module.stem != "store" and _stem(module) not in ADAPTERS and not _is_handler(module)


def must_be_pure(module: Path) -> bool:
    """Whether it is a pure module of a service, simulator or worker."""
    top, folder = module.parts[0], "".join(module.parts[1:2])
    shared = top in ("lambdas", "workers") and folder in SHARED
    return top in ("lambdas", "simulators", "workers") and not shared and is_pure(module)


def impurity(module: Path, name: str) -> str | None:
    """Why a pure module of a service may not import that name; None when it may."""
    if within(name, *PURE_LIBRARIES, "lambdas.contracts"):
        return None
    own = ".".join(module.parts[:2])
    if within(name, own) and all(map(is_pure, _files(name))):
        return None
    return (
        "a pure module knows no AWS, no environment and no clock;"
        " ADAPTERS in tests/support/purity.py lists those that do"
    )


def _files(name: str) -> list[Path]:
    """The module in which a name of a service is found."""
    parts = name.split(".")
    candidates = (Path(*parts[:length]).with_suffix(".py") for length in (len(parts), 3))
    return [path for path in candidates if (ROOT / path).is_file()][:1]


def _stem(module: Path) -> str:
    return module.with_suffix("").as_posix()


def _is_handler(module: Path) -> bool:
    path = ROOT / module
    if module.parts[0] == "workers" and module.stem in RUNNING_A_WORKER:
        return True
    return path.is_file() and any(
        isinstance(node, ast.FunctionDef) and node.name == "handler"
        for node in ast.parse(path.read_text()).body
    )


def impure_calls(source: str) -> list[str]:
    """The calls that ask a clock or the environment, or read or write a file."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr in IMPURE_METHODS)
            or (isinstance(node.func, ast.Name) and node.func.id in IMPURE_FUNCTIONS)
        )
    ]
