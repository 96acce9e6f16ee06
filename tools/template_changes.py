"""Compare the templates of prod with those of the last release.

``python -m tools.template_changes`` prints a line for each change that matters before a deployment:
CloudFormation would refuse it, data would be lost, access would be opened, or a resource replaced.
It ends with 1 if CloudFormation would refuse a change. ``--release`` stores the compared parts of
this code's templates as those of the last release; run it when you release.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App

from app import compose
from ops.changes.compare import Effect, compare
from ops.changes.templates import Template, reduce_template
from stacks.environments import environment

ROOT = Path(__file__).resolve().parents[1]
RELEASED = ROOT / "tests" / "templates" / "released.json"


def main() -> int:
    """Print the changes, or with ``--release`` store the templates; return the exit code."""
    parser = ArgumentParser("python -m tools.template_changes", description=__doc__)
    parser.add_argument("--release", action="store_true", help="write the released templates")
    arguments = parser.parse_args()
    templates = prod_templates()
    changes = compare(released_templates(), templates) if RELEASED.exists() else []
    sys.stdout.writelines(f"{change}\n" for change in changes)
    if arguments.release:
        reduced = {stack: reduce_template(template) for stack, template in templates.items()}
        RELEASED.write_text(render(reduced))
        return 0
    return 1 if any(change.effect is Effect.REFUSED for change in changes) else 0


def released_templates() -> Mapping[str, Template]:
    """Return the stored parts of the last release's templates."""
    found: Mapping[str, Template] = json.loads(RELEASED.read_text())
    return found


def prod_templates() -> Mapping[str, Template]:
    """Synthesize the templates of prod."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(context=context, builtin_cloud_formation_validation=False, analytics_reporting=False)
    compose(app, environment("prod"))
    return {
        stack.stack_name: json.loads(Path(stack.template_full_path).read_text())
        for stack in app.synth().stacks
    }


def render(reduced: Mapping[str, Template]) -> str:
    """Return the file's text: one line for each resource, so that a diff is readable."""
    stacks = []
    for stack, template in sorted(reduced.items()):
        lines = (
            f"   {json.dumps(id)}: {json.dumps(declaration, sort_keys=True)}"
            for id, declaration in sorted(template["Resources"].items())
        )
        resources = ",\n".join(lines)
        stacks.append(f' {json.dumps(stack)}: {{\n  "Resources": {{\n{resources}\n  }}\n }}')
    return "{\n" + ",\n".join(stacks) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main())
