"""Compare the contracts of this code with those of the last release.

``python -m tools.contract_check`` prints, for each changed event, the step of its change that this
release is. It ends with 1, and a line for each problem, if the release would break a consumer.
``--release`` writes the contracts of this code as those of the last release; run it when you
release.
"""

import json
import sys
from argparse import ArgumentParser
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args, get_origin

from lambdas.contracts.codec import JSON_TYPES, field_types, split_bounds, unwrap_optional
from lambdas.contracts.event import Event
from tools.contract_modules import services
from tools.contract_rules import describe_release, find_problems
from tools.declared_contracts import DeclaredContracts, declared_contracts

CONTRACTS = Path(__file__).resolve().parents[1] / "tests" / "contracts"
RELEASED = CONTRACTS / "released.json"

Json = Any


def main() -> int:
    """Check, or write the released contracts; return the exit code."""
    parser = ArgumentParser("python -m tools.contract_check", description=__doc__)
    parser.add_argument("--release", action="store_true", help="write the released contracts")
    arguments = parser.parse_args()
    released = json.loads(RELEASED.read_text()) if RELEASED.exists() else None
    current = current_contracts(released, declared_contracts())
    problems = find_problems(released, current) if released else []
    if problems:
        sys.stderr.writelines(f"{problem}\n" for problem in problems)
        return 1
    sys.stdout.writelines(f"{line}\n" for line in describe_release(released or current, current))
    if arguments.release:
        RELEASED.write_text(json.dumps(current, indent=1, sort_keys=True) + "\n")
    return 0


def current_contracts(released: Json | None, declared: DeclaredContracts) -> Json:
    """Return the contracts of this code, in the form of ``released.json``.

    Only the newest version of an event has a class. The schemas of older versions are those of
    ``released``.
    """
    events = [event for module in services().values() for event in module.EVENTS]
    return {
        "events": {
            event.detail_type: {
                "source": event.source,
                "topic": event.topic,
                "via_destination": event.via_destination,
                "subject_field": event.subject_field,
                "publishes": event.publishes,
                "versions": _versions(event, released),
            }
            for event in events
        },
        "consumers": {service: dict(read) for service, read in declared.read.items()},
        "samples": {
            sample.name: sha256(sample.read_bytes()).hexdigest()
            for sample in sorted((CONTRACTS / "samples").iterdir())
        },
    }


def _versions(event: type[Event], released: Json | None) -> dict[str, Json]:
    before = (released or {"events": {}})["events"].get(event.detail_type, {"versions": {}})
    older = {
        version: schema
        for version, schema in before["versions"].items()
        if int(version) in event.reads()
    }
    return older | {str(event.version): plain_schema(event)}


def plain_schema(kind: Any) -> Json:
    """Return the schema of a contract without descriptions and references, for comparisons."""
    if (inner := unwrap_optional(kind)) is not None:
        return {"anyOf": [plain_schema(inner), {"type": "null"}]}
    kind, bounds = split_bounds(kind)
    limits = bounds.schema() if bounds else {}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": plain_schema(get_args(kind)[0]), **limits}
    if is_dataclass(kind):
        return {
            "type": "object",
            "properties": {name: plain_schema(inner) for name, inner in field_types(kind).items()},  # type: ignore[arg-type]
            "required": [
                field.name
                for field in fields(kind)
                if field.default is MISSING and field.default_factory is MISSING
            ],
        }
    if issubclass(kind, StrEnum):
        return {"type": "string", "enum": sorted(kind)}
    return {"type": JSON_TYPES[kind], **limits}


if __name__ == "__main__":
    sys.exit(main())
