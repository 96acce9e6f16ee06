"""The platform's templates from their snapshots: without a synthesis, and so without a process.

`tests/templates/test_snapshots.py` keeps the snapshots equal to what is synthesized.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

SNAPSHOTS = Path(__file__).parents[1] / "templates" / "__snapshots__" / "test_snapshots"
REFERENCE = re.compile(r"\$\{([^}./]+)[^}]*\}")


@cache
def snapshot_templates(environment: str) -> dict[str, Any]:
    """Return the templates of an environment, by stack."""
    prefix = f"test_template[Orders-{environment.capitalize()}-"
    return {
        path.name.removeprefix("test_template[").removesuffix("].json"): _with_references(
            json.loads(path.read_text())
        )
        for path in sorted(SNAPSHOTS.iterdir())
        if path.name.startswith(prefix)
    }


def _with_references(template: Any) -> Any:
    """Restore the references in state machines' definitions. Snapshots have them as text."""
    for declaration in template["Resources"].values():
        properties = declaration.get("Properties", {})
        if isinstance(properties.get("DefinitionString"), dict):
            text = json.dumps(properties["DefinitionString"])
            references = [{"Ref": id} for id in REFERENCE.findall(text)]
            properties["DefinitionString"] = {"Fn::Join": ["", [text, *references]]}
    return template
