"""Write which properties make CloudFormation replace a resource, for the types in our templates.

Run it with the Python that has cfn-lint, which has CloudFormation's own schemas:
``build/lint/bin/python tools/replacing_properties.py`` compares, and ends with 1 on a difference;
``--write`` writes. ``make lint-templates`` installs it, synthesizes, and compares.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

import json
import sys
from pathlib import Path

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "ops" / "changes" / "replacing_properties.json"
REGION = "eu-west-1"


def main() -> int:
    """Compare or write the table; return the exit code."""
    types = {
        resource["Type"]
        for path in (ROOT / "build" / "templates").glob("*/*.template.json")
        for resource in json.loads(path.read_text())["Resources"].values()
    }
    table = {
        type: replacing_properties(type)
        for type in sorted(types)
        if not type.startswith(("Custom::", "AWS::CDK::"))
    }
    text = json.dumps(table, indent=1) + "\n"
    if "--write" in sys.argv:
        TABLE.write_text(text)
    elif TABLE.read_text() != text:
        sys.stderr.write(
            f"{TABLE.relative_to(ROOT)} is not what cfn-lint's schemas say: run this with --write\n"
        )
        return 1
    return 0


def replacing_properties(type: str) -> list[str]:
    """Return the properties whose change replaces a resource, in some cases or in all."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type).schema
    pointers = [
        pointer
        for key in ("createOnlyProperties", "conditionalCreateOnlyProperties")
        for pointer in schema.get(key, [])
    ]
    return sorted({pointer.split("/")[2] for pointer in pointers})


if __name__ == "__main__":
    sys.exit(main())
