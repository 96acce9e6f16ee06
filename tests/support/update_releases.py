"""Releases of the platform, before and after one another, made of its synthesized templates.

In the release behind, inventory's function that releases stock has another name, every function has
less memory, the ledger's schema is another, and there is no stack of disputes. The release between
has that function under both names, as `docs/how-to/deploy.md` says. The last one is today's.
"""

import json
import re
import shutil
from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.templates.synthesis import synthesis_of, with_partner

Templates = dict[str, Any]
"""Templates, by their stacks."""
Change = Callable[[Templates], None]

FUNCTION = "AWS::Lambda::Function"
OLD, NEW = "ReleaseUnits", "ReleaseStock"
"""The names of the function that is renamed: its resources' logical ids begin so."""
INVENTORY, PAYMENTS, DISPUTES, ORDERS = (
    f"Orders-Dev-{name}" for name in ("Inventory", "Payments", "Disputes", "Orders")
)


def assemble(folder: Path, change: Change) -> Path:
    """Write today's cloud assembly with changed templates into a new folder, and return it."""
    synthesis = synthesis_of(with_partner("dev"))
    shutil.copytree(synthesis.folder.name, folder)
    before = synthesis.platform.templates
    after = deepcopy(dict(before))
    change(after)
    for stack in before:
        if stack not in after:
            _remove(folder, stack)
        elif after[stack] != before[stack]:
            _write(folder, stack, after[stack])
    return folder


def _remove(assembly: Path, stack: str) -> None:
    manifest = assembly / "manifest.json"
    content = json.loads(manifest.read_text())
    for artifact in (stack, f"{stack}.assets"):
        del content["artifacts"][artifact]
    manifest.write_text(json.dumps(content))


def _write(assembly: Path, stack: str, template: Any) -> None:
    """Write a template, and its hash wherever it is: the CDK uploads a file once for each hash."""
    file, assets = (assembly / f"{stack}.{kind}.json" for kind in ("template", "assets"))
    listed = json.loads(assets.read_text())["files"]
    (before,) = (hash for hash, each in listed.items() if each["source"]["path"] == file.name)
    file.write_text(json.dumps(template, indent=1))
    after = sha256(file.read_bytes()).hexdigest()
    for path in (assets, assembly / "manifest.json"):
        path.write_text(path.read_text().replace(before, after))


def today(_templates: Templates) -> None:
    """Change nothing."""


def behind(templates: Templates) -> None:
    """Make the release behind."""
    del templates[DISPUTES]
    for stack in templates:
        templates[stack] = _with_old_name(templates[stack])
        for resource in templates[stack]["Resources"].values():
            if resource["Type"] == FUNCTION:
                resource["Properties"]["MemorySize"] -= 64
            if resource["Type"] == "Custom::Migrations":
                resource["Properties"]["Migrations"] = "behind"


def between(templates: Templates) -> None:
    """Make the release that has the renamed function twice, and calls the new one."""
    inventory = templates[INVENTORY]
    before = _with_old_name(inventory)
    for part in ("Resources", "Outputs"):
        inventory[part] = {**before[part], **inventory[part]}


def failing(stack: str, change: Change) -> Change:
    """Return a change with a resource that cannot be made, after a stack's functions were changed.

    It is an archive with the name of the one that is there.
    """

    def changed(templates: Templates) -> None:
        change(templates)
        resources = templates[stack]["Resources"]
        bus = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/Orders"
        resources["Taken"] = {
            "Type": "AWS::Events::Archive",
            "Properties": {"ArchiveName": "Orders", "SourceArn": {"Fn::Sub": bus}},
            "DependsOn": [id for id, each in resources.items() if each["Type"] == FUNCTION],
        }

    return changed


def _with_old_name(template: Any) -> Any:
    """Return a template with the renamed function's old name in all logical ids."""
    return json.loads(re.sub(rf"{NEW}(?=[A-Za-z]*[0-9A-F]{{8}})", OLD, json.dumps(template)))
