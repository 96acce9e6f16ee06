"""Releases of the platform whose contracts differ, made of this source tree.

The tree is the last of three: all consumers read ``OrderCancelled`` 1 and 2, and 2 is published
(release B). The two before it are copies of the tree, with that event's contract as it was then,
and with the code that was only possible afterwards taken back. Each is synthesized in a process of
its own, because its modules have the names of this one's.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from stacks.constructs.assets import ROOT

SOURCES = ("app.py", "lambdas", "simulators", "stacks", "workers")
"""What a synthesis reads. `build`, which caches packages, is the same for all releases."""
SYNTHESIZE = """
import json, sys
from aws_cdk import App
from app import compose
from stacks.environments import environment

app = App(
    context=json.loads(sys.argv[1]),
    outdir=sys.argv[2],
    builtin_cloud_formation_validation=False,
    analytics_reporting=False,
)
compose(app, environment("dev"))
app.synth()
"""

Changes = Mapping[str, Mapping[str, str]]
"""By file, texts of it with what they are replaced by."""

CONTRACT = "lambdas/contracts/orders.py"
VERSION_2 = """    version: ClassVar = 2
    upcasters: ClassVar = {1: _add_empty_reason}

    order_id: Identifier
    customer_id: Identifier
    reason: str
    explanation: str
"""
VERSION_1 = """    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier
"""
READS_BOTH_PUBLISHES_1 = VERSION_2.replace(
    "\n\n",
    """
    publishes: ClassVar = 1
    downcasters: ClassVar = {
        2: lambda data: {name: data[name] for name in ("order_id", "customer_id")}
    }

""",
)

TODAY: Changes = {
    CONTRACT: {VERSION_2: VERSION_1},
    "lambdas/orders/events.py": {
        "            reason=reason,\n            explanation=explain_cancellation(reason),\n": ""
    },
    "lambdas/notifications/messages.py": {"explain_cancellation(order.reason)": '""'},
    "lambdas/storefront/customer_orders.py": {" and event.data.explanation:": " and False:"},
}
"""Nobody knows version 2."""
RELEASE_A: Changes = {CONTRACT: {VERSION_2: READS_BOTH_PUBLISHES_1}}
"""All consumers read both versions, and 1 is published."""
RELEASE_B: Changes = {}
"""The tree as it is."""


def synthesize_release(changes: Changes, folder: Path) -> Path:
    """Return the cloud assembly of the tree with these changes; ``folder`` is new.

    Raises:
        ValueError: a text to be replaced is not in its file, or not once.
    """
    tree = folder / "tree"
    tree.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tree / name)
    for name, texts in changes.items():
        path = tree / name
        for before, after in texts.items():
            whole = path.read_text()
            if whole.count(before) != 1:
                raise ValueError(f"{name} has {whole.count(before)} times, not once: {before!r}")
            path.write_text(whole.replace(before, after))
    context = json.dumps(json.loads((ROOT / "cdk.json").read_text())["context"])
    assembly = folder / "assembly"
    subprocess.run(
        [sys.executable, "-c", SYNTHESIZE, context, assembly],
        cwd=tree,
        check=True,
        capture_output=True,
    )
    return assembly
